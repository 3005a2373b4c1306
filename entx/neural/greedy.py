"""One answer while it is written: the most probable token that its pattern allows, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from entx.neural.constrain import Constrainer


@dataclass
class Writing:
    """An answer so far.

    Args:
        matcher: of its pattern, None where everything is allowed.
        log_prob: sum under the model alone, the end token included.
    """

    matcher: Any
    tokens: list[int] = field(default_factory=list)
    log_prob: float = 0.0
    ended: bool = False

    def write(self, logits: torch.Tensor, constrainer: Constrainer, ends: Sequence[int]) -> int:
        """Takes the next token; returns it.

        Args:
            logits: of the next token, shape (vocabulary,).
            ends: tokens that end the answer.
        """
        logits = logits.float()
        open_to = logits
        if self.matcher is not None:
            open_to = logits.masked_fill(~torch.from_numpy(constrainer.allowed(self.matcher)), -torch.inf)
        token = int(open_to.argmax())
        self.log_prob += float(logits[token] - logits.logsumexp(-1))
        if token in ends:
            self.ended = True
        else:
            self.tokens.append(token)
            if self.matcher is not None:
                self.matcher.consume_token(token)
        return token
