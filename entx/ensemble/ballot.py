"""A ballot: the distinct answers to one question, with the arms that gave each, grounded in the OCR lines.

Answers are one option when they are equal in number and unit, or one size in two units: exactly (500 gram and 0.5
kilogram), or as packs print it twice (5 kilogram and 11 pound), where that is clear among all the answers. The option
is given in the unit that is printed: the form found in the OCR lines, else the form of the first arm. An answer in a
unit that the entity does not allow supports an option of the same size; without one it is spoiled and never wins.
An empty answer is a vote for giving none. An arm that was not asked has no vote.

An arm that says itself where it read its answer, in the same pages, is believed. Any other answer is looked for among
the page's candidates by number and unit as printed: "0.5 kilogram" is not grounded by a printed "500 g". To parse a
page costs far more than the rest of a ballot. So where no judge asks for its candidates, an arm that read the very same
quantity there as printed is believed for others too, and the page is read only for what none of them says.

What it does not do: choose. Scores and log-probabilities of two arms are on no common scale; the only confidences here
are calibrated probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from entx.core.candidates import Candidate, evidence_of, find_candidates, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.types import NO_EVIDENCE, Alignment, Answer, Evidence, OcrPage, PageKey, Quantity
from entx.core.units import exact_size, same_in_print
from entx.storage.pages import load_pages, page_keys
from entx.storage.runs import Arm, ArmsRow
from entx.storage.store import Store

_BY_ALIGNMENT = {Alignment.EXACT: 0, Alignment.NORMALISED: 0, Alignment.FUZZY: 1, Alignment.NONE: 2}
"""Order in which forms of one size are taken: as printed, after repairing a slip, not found."""

_BATCH = 4096
"""Ballots that are made at once, and committed: the pages that they need are held in memory."""

_PAGES = 4096
"""Pages that stay parsed from batch to batch, some 100 MB."""

Find = Callable[[int, Quantity], Evidence]
"""Where a quantity that the arm at a position named stands in the OCR lines."""


@dataclass(frozen=True, slots=True)
class Option:
    """A distinct answer."""

    quantity: Quantity | None  # legal for the entity; None is the option of giving no answer
    arms: tuple[int, ...]  # positions of the arms that support it, in their order, at least one
    evidence: Evidence = NO_EVIDENCE  # where this form stands in the OCR lines
    spoken: tuple[Quantity, ...] = ()  # the forms in which its arms gave it, legal or not, in order of the arms
    found: tuple[Evidence, ...] = ()  # where each of these stands; an illegal one nowhere

    @property
    def converted(self) -> bool:
        """Whether its arms named different units."""
        return len(set(self.spoken)) > 1


@dataclass(frozen=True, slots=True)
class Ballot:
    """One question and all that the arms said."""

    index: int
    entity: Entity
    fold: int  # of the picture; what is learned from gold rows is applied only to the other folds
    answers: tuple[Answer | None, ...]  # one an arm; None where it was not asked
    options: tuple[Option, ...]  # in order of the first arm that supports each; empty where every answer was spoiled
    # number of distinct legal quantities in the OCR lines; None without a page, or where no judge asks for it
    candidates: int | None = None
    everything: bool = False  # every entity was asked of the picture, so that little is to be expected of this one

    @property
    def votes(self) -> tuple[tuple[int, Answer], ...]:
        """Position and answer of each arm that was asked."""
        return tuple((arm, answer) for arm, answer in enumerate(self.answers) if answer is not None)

    @property
    def asked(self) -> tuple[int, ...]:
        """Positions of the arms that were asked."""
        return tuple(arm for arm, _ in self.votes)

    def legal(self, arm: int) -> bool:
        """Whether the arm abstained or named a unit that the entity allows."""
        answer = self.answers[arm]
        return answer is not None and (answer.quantity is None or answer.quantity.unit in self.entity.units)


@dataclass(frozen=True, slots=True)
class Example:
    """A ballot with its truth."""

    ballot: Ballot
    rights: frozenset[Quantity]  # that are right; empty where the picture states none
    present: bool  # whether the truth has a value, which may be none that can be written as one quantity

    def is_right(self, option: Option) -> bool:
        """Whether to choose the option would be right; to give nothing is right where there is no value."""
        return option.quantity in self.rights if option.quantity is not None else not self.present


def make_ballot(
    index: int, entity: Entity, answers: Sequence[Answer | None], *, fold: int = 0,
    find: Find = lambda _, __: NO_EVIDENCE, candidates: int | None = None, everything: bool = False,
) -> Ballot:  # fmt: skip
    """Groups the arms' answers into options; see `Ballot`."""
    groups: dict[object, list[int]] = {}
    for arm, answer in enumerate(answers):
        if answer is not None:
            groups.setdefault(answer.quantity and exact_size(answer.quantity), []).append(arm)
    made = (_option(entity, answers, arms, find) for arms in _merged(answers, list(groups.values())))
    options = tuple(option for option in made if option is not None)
    return Ballot(index, entity, fold, tuple(answers), options, candidates, everything)


def _merged(answers: Sequence[Answer | None], groups: list[list[int]]) -> list[list[int]]:
    """Groups of one size as print rounds it, joined; a group of groups that do not all agree stays apart.

    To be the same in print is not transitive, and the order of the arms must not decide who joins whom.
    """
    forms = [{answer.quantity for arm in arms if (answer := answers[arm]) and answer.quantity} for arms in groups]
    if sum(map(bool, forms)) < 2 or len({form.unit for own in forms for form in own}) < 2:
        return groups
    near = [
        {other for other in range(len(groups)) if other == one or _same_in_print(forms[one], forms[other])}
        for one in range(len(groups))
    ]
    joined = []
    for one, others in enumerate(near):
        if any(near[other] != others for other in others):
            joined.append(groups[one])
        elif one == min(others):
            joined.append(sorted(arm for other in others for arm in groups[other]))
    return joined


def _same_in_print(ours: set[Quantity], theirs: set[Quantity]) -> bool:
    return bool(ours and theirs) and all(same_in_print(one, other) for one in ours for other in theirs)


def _option(entity: Entity, answers: Sequence[Answer | None], arms: list[int], find: Find) -> Option | None:
    """None where all its answers are spoiled."""
    spoken = [(arm, answer.quantity) for arm in arms if (answer := answers[arm]) is not None and answer.quantity]
    if not spoken:
        return Option(None, tuple(arms))
    found = [find(arm, quantity) if quantity.unit in entity.units else NO_EVIDENCE for arm, quantity in spoken]
    forms = tuple(quantity for _, quantity in spoken)
    legal = [pair for pair in zip(found, forms, strict=True) if pair[1].unit in entity.units]
    if not legal:
        return None
    evidence, quantity = min(legal, key=lambda pair: _BY_ALIGNMENT[pair[0].alignment])  # the first arm's among equals
    return Option(quantity, tuple(arms), evidence, forms, tuple(found))


def tally(ballot: Ballot, runs: Sequence[str]) -> str:
    """The ballot in words: "500.0 gram: rules, qwen; nothing: llm; 3.0 horsepower: x (not a legal unit)"."""
    parts = [
        f"{option.quantity or 'nothing'}: {', '.join(runs[arm] for arm in option.arms)}" for option in ballot.options
    ]
    supporting = {arm for option in ballot.options for arm in option.arms}
    spoiled = [(arm, answer) for arm, answer in ballot.votes if arm not in supporting]
    parts += [f"{answer.quantity}: {runs[arm]} (not a legal unit)" for arm, answer in spoiled]
    return "; ".join(parts)


def pages_to_ground_in(store: Store, arms: Sequence[Arm]) -> PageKey | None:
    """The pages to ground in: those of the first arm that read some, else the newest of the store, else none."""
    of_arms = (arm.pages for arm in arms if arm.pages is not None)
    return next(of_arms, None) or next((key for key, _ in page_keys(store)), None)


def ballots(
    store: Store, rows: Iterator[ArmsRow], arms: Sequence[Arm], schema: Schema, key: PageKey | None, *,
    count: bool = True,
) -> Iterator[list[Ballot]]:  # fmt: skip
    """The questions' ballots in batches, grounded in the pages of this key (None: not grounded).

    Args:
        count: tell their candidates too, as a judge asks, for which every page is read.

    Raises:
        InputError: a question asks an entity that the schema does not have.
    """
    same_pages = [arm.pages in (None, key) for arm in arms]
    parsed: dict[str, tuple[OcrPage, tuple[Candidate, ...]]] = {}
    while batch := [(row, schema[row.entity_name]) for row in islice(rows, _BATCH)]:
        looked = [
            row.picture if count or _must_look(row.answers, entity, same_pages) else None for row, entity in batch
        ]
        wanted = {picture for picture in looked if picture is not None and key is not None}
        if len(parsed) > _PAGES:
            parsed = {picture: parsed[picture] for picture in wanted & parsed.keys()}
        if key is not None and (new := wanted - parsed.keys()):
            read = load_pages(store, key, new, geometry=False)
            parsed |= {page.picture: (page, page_quantities(page)) for page in read}
        made = []
        for (row, entity), picture in zip(batch, looked, strict=True):
            page, quantities = parsed.get(picture or "", (None, ()))
            found = None if page is None else find_candidates(page, entity, quantities)
            one = grounded_ballot(
                row.index, entity, row.answers, found, fold=row.fold, same_pages=same_pages, count=count
            )
            made.append(one)
        yield made


def _told(answers: Sequence[Answer | None], arm: int, same_pages: Sequence[bool], *, others: bool) -> Evidence | None:
    """Where an arm's answer stands as the arm says, or another that read the very same there, as printed."""
    own = answers[arm]
    assert own is not None
    if same_pages[arm] and own.evidence.alignment is not Alignment.NONE:
        return own.evidence
    for other, same in zip(answers, same_pages, strict=True):
        if others and same and other and not _BY_ALIGNMENT[other.evidence.alignment] and other.quantity == own.quantity:
            return other.evidence
    return None


def _must_look(answers: Sequence[Answer | None], entity: Entity, same_pages: Sequence[bool]) -> bool:
    """Whether an answer in a legal unit must be looked for in the page."""
    said = ((arm, one.quantity) for arm, one in enumerate(answers) if one and one.quantity)
    legal = (arm for arm, quantity in said if quantity.unit in entity.units)
    return any(_told(answers, arm, same_pages, others=True) is None for arm in legal)


def grounded_ballot(
    index: int, entity: Entity, answers: Sequence[Answer | None], candidates: Sequence[Candidate] | None, *,
    fold: int = 0, same_pages: Sequence[bool] | None = None, everything: bool = False, count: bool = True,
) -> Ballot:  # fmt: skip
    """The ballot of one question.

    Args:
        candidates: the page's quantities that are legal for the entity; None without a page.
        same_pages: for each arm whether its evidence points into this page; None where all do.
        count: tell the ballot their number; without, arms are believed for each other.
    """
    same = same_pages or [True] * len(answers)

    def find(arm: int, quantity: Quantity) -> Evidence:
        return _told(answers, arm, same, others=not count) or evidence_of(quantity, candidates or ())

    number = len({one.quantity for one in candidates}) if count and candidates is not None else None
    return make_ballot(index, entity, answers, fold=fold, find=find, candidates=number, everything=everything)


def stated_confidence(answer: Answer) -> float | None:
    """What the arm itself says; None where it says nothing."""
    if answer.quantity is not None:
        return answer.p_correct
    return None if answer.p_present is None else 1.0 - answer.p_present


def confidence_of(ballot: Ballot, option: Option) -> float | None:
    """The highest confidence among the option's arms; None where none of them states one."""
    stated = (stated_confidence(answer) for arm in option.arms if (answer := ballot.answers[arm]) is not None)
    return max((confidence for confidence in stated if confidence is not None), default=None)
