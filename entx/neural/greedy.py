"""Answers while they are written: the most probable token that each one's pattern allows, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
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


def write_tokens(
    answers: Sequence[Sequence[Writing]], logits: torch.Tensor, constrainer: Constrainer, ends: Sequence[int]
) -> torch.Tensor:
    """Each unfinished answer takes its next token.

    All are chosen where the logits lie: of a large vocabulary only the choices travel, not the logits.

    Args:
        answers: rows of answers; rows may differ in length.
        logits: of the next tokens, shape (rows, longest row, vocabulary).
        ends: tokens that end an answer.

    Returns:
        The tokens, shape (rows, longest row), on the CPU; 0 where nothing was written.
    """
    written = torch.zeros(logits.shape[:2], dtype=torch.long)
    open_ = [
        (row, place, writing)
        for row, asked in enumerate(answers)
        for place, writing in enumerate(asked)
        if not writing.ended
    ]
    if not open_:
        return written
    rows, places = [row for row, _, _ in open_], [place for _, place, _ in open_]
    given = logits[rows, places].float()
    allowed = np.ones(given.shape, dtype=np.bool_)
    for number, (_, _, writing) in enumerate(open_):
        if writing.matcher is not None:
            allowed[number] = constrainer.allowed(writing.matcher)
    chosen = given.masked_fill(~torch.from_numpy(allowed).to(given.device), -torch.inf).argmax(-1)
    log_probs = given.gather(-1, chosen[:, None])[:, 0] - given.logsumexp(-1)
    written[rows, places] = chosen.cpu()
    for (_, _, writing), token, log_prob in zip(open_, chosen.tolist(), log_probs.tolist(), strict=True):
        writing.log_prob += log_prob
        if token in ends:
            writing.ended = True
        else:
            writing.tokens.append(token)
            if writing.matcher is not None:
                writing.matcher.consume_token(token)
    return written
