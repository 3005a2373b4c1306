"""What is known of an option, of a ballot and of one arm's answer, as named numbers for a logistic model.

Everything comes from the store. Of the arms only their positions are used, so that what was fitted for (rules, vlm)
serves any rules run and any run of that vlm. An arm's score or log-probability never stands in one feature with
another's; where an arm was not asked, all of its features are 0.
"""

from __future__ import annotations

from math import exp, log

from entx.core.types import Alignment, Answer
from entx.ensemble.ballot import Ballot, Option

_MOST_ODDS = 6.0  # log-odds; further out a probability is a claim, not a measurement


def option_features(ballot: Ballot, option: Option) -> dict[str, float]:
    """Features of a given answer, for the probability that it is right."""
    found = _common(ballot)
    entity = ballot.entity.name
    for arm in ballot.asked:
        answer = ballot.answers[arm]
        assert answer is not None
        if arm in option.arms:
            found[f"{arm} for"] = 1.0
            found[f"{arm} for {entity}"] = 1.0
            _add_sureness(found, f"{arm} for", entity, answer)
        elif answer.quantity is not None:
            found[f"{arm} against"] = 1.0
            _add_sureness(found, f"{arm} against", entity, answer)
        else:
            found[f"{arm} nothing"] = 1.0
            _add_sureness(found, f"{arm} nothing", entity, answer)
    found["share for"] = len(option.arms) / len(ballot.asked)
    found["converted"] = float(option.converted)
    if ballot.candidates is not None:
        found[f"alignment {option.evidence.alignment.value}"] = 1.0
        if option.evidence.alignment is Alignment.NONE:
            found[f"ungrounded {entity}"] = 1.0
    return found


def ballot_features(ballot: Ballot) -> dict[str, float]:
    """Features of a question, for the probability that the picture shows a value."""
    found = _common(ballot)
    entity = ballot.entity.name
    for arm in ballot.asked:
        answer = ballot.answers[arm]
        assert answer is not None
        said = "nothing" if answer.quantity is None else "something"
        found[f"{arm} {said}"] = 1.0
        found[f"{arm} {said} {entity}"] = 1.0
        _add_sureness(found, f"{arm} {said}", entity, answer)
    given = [option for option in ballot.options if option.quantity is not None]
    found["share of the largest"] = max((len(option.arms) for option in given), default=0) / max(len(ballot.asked), 1)
    if ballot.candidates is not None:
        found["a grounded one"] = float(any(option.evidence.alignment is not Alignment.NONE for option in given))
    return found


def answer_features(ballot: Ballot, arm: int) -> dict[str, float]:
    """Features of what one arm said, for the probability that it is right; of no other arm, so that it stands alone."""
    answer = ballot.answers[arm]
    assert answer is not None
    entity = ballot.entity.name
    said = "nothing" if answer.quantity is None else "something"
    found = {said: 1.0, f"{said} {entity}": 1.0, **_page_features(ballot)}
    _add_sureness(found, said, entity, answer)
    if answer.quantity is not None and ballot.candidates is not None:
        own = next((option for option in ballot.options if arm in option.arms), None)
        found[f"alignment {own.evidence.alignment.value if own else Alignment.NONE.value}"] = 1.0
    return found


def _common(ballot: Ballot) -> dict[str, float]:
    given = sum(option.quantity is not None for option in ballot.options)
    return {f"entity {ballot.entity.name}": 1.0, "options": float(given), **_page_features(ballot)}


def _page_features(ballot: Ballot) -> dict[str, float]:
    if ballot.candidates is None:
        return {"no page": 1.0}
    found = {"candidates": log(1.0 + ballot.candidates)}
    if ballot.candidates == 0:
        found["no candidate"] = 1.0
    if ballot.candidates == 1:
        found["one candidate"] = 1.0
    return found


def _add_sureness(found: dict[str, float], name: str, entity: str, answer: Answer) -> None:
    """The arm's own numbers as log-odds, of which a logistic model is linear; where it has a score, its log-probability
    says no more. A score is comparable within an entity only, so each entity has its own slope too."""
    if answer.score is not None:
        found[f"{name} score"] = found[f"{name} score {entity}"] = _odds(answer.score)
    elif answer.log_prob is not None:
        found[f"{name} log_prob"] = _odds(exp(min(answer.log_prob, 0.0)))
    if answer.p_correct is not None and answer.quantity is not None:
        found[f"{name} p"] = _odds(answer.p_correct)
    if answer.p_present is not None:
        found[f"{name} q"] = _odds(answer.p_present)


def _odds(probability: float) -> float:
    clipped = min(max(probability, 1e-9), 1.0 - 1e-9)
    return min(max(log(clipped / (1.0 - clipped)), -_MOST_ODDS), _MOST_ODDS)
