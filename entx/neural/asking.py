"""What is asked of a model, and what it wrote."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ask:
    """One question about a page or a picture.

    Args:
        question: the question part of the prompt; ends where the answer begins.
        completions: texts to score as its answer.
        pattern: regular expression that a generated answer must match as a whole; "" for none.
    """

    question: str
    completions: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Generated:
    """An answer that a model wrote.

    Args:
        text: without the end token.
        log_prob: sum over its tokens and the end token under the model alone, not under the constraint; None where the
            backend does not tell.
    """

    text: str
    log_prob: float | None
