"""The front door: pictures in, answers out, without a store.

    import entx

    answer = entx.extract("bag.jpg", ["item_weight"])["item_weight"]
    print(answer.quantity, answer.p_correct, answer.reason)

An `Extractor` reads each picture once with an OCR engine, asks the rules reader and, where wanted, the text model that
ships, and lets an ensemble decide what is answered and how sure that is. What it does not do: keep anything (that is
the store's work, `entx ocr-cache` and `entx predict`), know product groups, or ask a vision model.

What the readers say here is what the default ensemble was fitted on (`lab/default_calibration.py`): no priors of
product groups, which only a store knows; no hint, so that the two share nothing but the OCR lines; the model's own
shares, which the ensemble calibrates. The probabilities hold for pictures like the labelled ones. They assume a prior,
by how a picture is asked: one to three entities as somebody asks who expects them there, more as a catalogue does that
asks everything of every picture (`Reading.everything`).
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter, deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE, Schema, load_schema
from entx.core.errors import InputError, PictureError
from entx.core.files import is_url, picture_bytes
from entx.core.types import Answer, OcrLine, OcrPage, PageStatus
from entx.ensemble.ballot import Ballot, grounded_ballot
from entx.ensemble.fit import load_fitted
from entx.ensemble.job import Choice, Chooser, Policy, load_default
from entx.ensemble.judge import CHALLENGE_F1
from entx.rules.reader import READER_VERSION, RulesReader, asks_everything

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from PIL.Image import Image

    from entx.download.fetch import Fetcher
    from entx.ocr_stage.page_reader import PageReader
    from entx.ocr_stage.pool import Limits

    Picture = str | Path | bytes | Image | np.ndarray[Any, Any]

RULES, LLM = "rules", "llm"
STAGES = (RULES, "both")

PICTURE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
"""Of the files that count as pictures in a folder; a file that is named itself may have any name."""

_BATCH = 16
"""Pages that the readers get at once: 16 take the text model 0.8 of the time of one by one, 64 some 0.7."""

_LOADED_AHEAD = 8
"""Pictures whose bytes are fetched before they are asked for: links wait for their servers."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture with all that was read on it."""

    picture: Any  # as it was given; the path of a file that was found in a folder
    page: OcrPage  # a status other than OK comes with a reason
    answers: Mapping[str, Answer]  # for each entity that was asked
    arms: Mapping[str, Mapping[str, Answer]]  # for each entity what each reader said, by its stage

    @property
    def everything(self) -> bool:
        """Whether the probabilities assume that everything is asked of every picture."""
        return asks_everything(self.answers)


class Readers:
    """The readers of single pages: the rules, and perhaps the text model that ships, which is loaded here.

    Raises:
        InputError: the model cannot be loaded.
    """

    def __init__(self, schema: Schema, stages: Sequence[str]) -> None:
        self.stages = tuple(stages)
        self.rules = RulesReader(schema)
        self.versions = {RULES: f"{READER_VERSION} {self.rules.weights.digest}"}
        if LLM in stages:
            from entx.llm_stage.prompt import PROMPT_VERSION
            from entx.llm_stage.reader import READER_VERSION as LLM_VERSION
            from entx.llm_stage.reader import TextReader, open_reader
            from entx.neural.predict import ModelOptions

            own, settings = open_reader(ModelOptions(), schema)
            serving = replace(own.serving, calibration=None)  # the ensemble calibrates the model's own shares
            self._model = TextReader(own.model, serving, schema, own.mode)
            self.versions[LLM] = f"{LLM_VERSION} {PROMPT_VERSION} {settings['weights']}"

    def read(self, pages: Sequence[tuple[OcrPage, Sequence[str]]]) -> list[list[tuple[Answer, ...]]]:
        """For each page and each entity that is asked of it, what each reader says."""
        said = {RULES: [self.rules.read(page, names) for page, names in pages]}
        if LLM in self.stages:
            from entx.llm_stage.reader import PageQuestions

            said[LLM] = self._model.read([PageQuestions(page, tuple(names)) for page, names in pages])
        of_pages = zip(*(said[stage] for stage in self.stages), strict=True)
        return [list(zip(*arms, strict=True)) for arms in of_pages]


class Extractor:
    """Reads quantities off pictures. Engine and readers are loaded once, with the first picture that can be read.

    Args:
        stage: "rules" (no torch), "both" (the text model that ships too), or the path of an ensemble that was fitted on
            runs of these stages (`entx ensemble --save FILE.json`).
        engine: name of an OCR engine.
        schema: a TOML file with entities added to the challenge's eight, or a schema; None for the eight.
        workers: processes that read pictures in `extract_many`. With more than one a script must do its work under
            `if __name__ == "__main__":`, because each worker imports it again; and a picture that kills its worker
            becomes an answer with a reason.
        allow_hosts: hosts that links may name although their addresses are not public.
        limits: of the memory and time of those processes; None for the usual ones. With limits even a single worker is
            a process of its own.

    Raises:
        InputError: an unknown stage, or a file that is no such ensemble.
        TableError: the schema is faulty.
    """

    def __init__(
        self,
        stage: str | Path = "both",
        engine: str = "rapidocr",
        schema: str | Path | Schema | None = None,
        workers: int = 1,
        *,
        allow_hosts: Collection[str] = (),
        limits: Limits | None = None,
    ) -> None:
        if workers < 1:
            raise InputError(f"workers={workers}: at least one")
        self.schema = schema if isinstance(schema, Schema) else load_schema(None if schema is None else Path(schema))
        self.engine, self.workers, self.allow_hosts, self.limits = engine, workers, allow_hosts, limits
        self.decide: Callable[[Ballot], Choice] | None = None  # None: as the rules say
        self.stages: tuple[str, ...] = (RULES,)
        self.known: Container[str] = CHALLENGE  # entities of labelled rows; of another the rules know no probability
        if stage == "both":
            shipped = load_default()
            self.stages, self.decide, self.known = shipped.stages, shipped.decide, shipped.entities
        elif stage != RULES:
            self.stages, self.decide = _load_fitted(Path(stage), self.schema)
            self.known = self.schema

    def extract(self, picture: Picture, entities: str | Sequence[str]) -> dict[str, Answer]:
        """Reads one picture: for each entity its answer. One that cannot be read has answers with only a reason.

        Args:
            picture: a path, a link (downloaded through the same guard as `entx download`), the bytes of a file, a PIL
                picture, or an array of height x width (x 3, RGB) with 8-bit values.
            entities: names of the schema; one name may stand by itself.

        Raises:
            InputError: an unknown entity.
            EngineError: the engine cannot be loaded.
        """
        names = self.names(entities)
        with ExitStack() as stack:
            loaded = _Loader(stack, self.allow_hosts)(picture)
        return dict(self._answer(list(self._read_here([(picture, loaded, names)])))[0].answers)

    def extract_many(
        self, pictures: str | Path | Iterable[Picture], entities: str | Sequence[str]
    ) -> Iterator[tuple[Any, dict[str, Answer]]]:
        """Reads pictures one after the other: each as it was given and its answers, in order, as they are ready.

        Args:
            pictures: a folder (its pictures by name, with those of folders in it), a pattern such as "in/*.jpg", one
                picture, or any number of what `extract` takes, also without an end.
            entities: as for `extract`, asked of each picture.

        Raises:
            InputError: an unknown entity, or a folder or pattern without a picture.
            EngineError: the engine cannot be loaded.
        """
        names = self.names(entities)
        for reading in self.readings((picture, names) for picture in pictures_of(pictures)):
            yield reading.picture, dict(reading.answers)

    def extract_text(self, text: str | Sequence[OcrLine], entities: str | Sequence[str]) -> dict[str, Answer]:
        """Answers from OCR text of one's own: no picture is read, and nothing is known of its geometry.

        Args:
            text: lines of text from top to bottom, or the lines with their polygons as an engine read them.
            entities: as for `extract`.
        """
        lines = _stacked(text) if isinstance(text, str) else tuple(text)
        corners = [line.polygon for line in lines]
        width = max((x for polygon in corners for x in polygon[0::2]), default=0.0)
        height = max((y for polygon in corners for y in polygon[1::2]), default=0.0)
        page = OcrPage("", PageStatus.OK, "", round(width) + 1, round(height) + 1, lines)
        return dict(self._answer([(text, page, self.names(entities))])[0].answers)

    def extract_table(
        self, frame: pd.DataFrame, image: str = "image_link", entity: str = "entity_name"
    ) -> pd.DataFrame:
        """Answers a table, a question a row; each distinct picture is read once.

        Args:
            frame: with a column of pictures' paths or links (`image`) and one of entities' names (`entity`).

        Returns:
            A copy with the same rows and index, and the columns prediction ("500.0 gram" or ""), prediction_value
            (float), prediction_unit, p_correct, p_present, text (as it was read) and reason (why there is none).

        Raises:
            InputError: a column is missing or would be overwritten; an unknown entity.
        """
        import pandas as pd

        for column in (image, entity):
            if column not in frame.columns:
                raise InputError(f"the table has no column {column!r}; it has {', '.join(map(str, frame.columns))}")
        if taken := [column for column in _ANSWER_COLUMNS if column in frame.columns]:
            raise InputError(f"the table has columns {', '.join(taken)} already; rename or drop them")
        questions = [(str(link), str(name)) for link, name in zip(frame[image], frame[entity], strict=True)]
        asked: dict[str, list[str]] = {}
        for link, name in questions:
            asked.setdefault(link, []).append(name)
        readings = self.readings([(link, self.names(names)) for link, names in asked.items()])
        cells = {(one.picture, name): _cells(answer) for one in readings for name, answer in one.answers.items()}
        rows = [cells[question] for question in questions]
        return frame.join(pd.DataFrame(rows, columns=list(_ANSWER_COLUMNS), index=frame.index))

    def readings(self, questions: Iterable[tuple[Picture, Sequence[str]]]) -> Iterator[Reading]:
        """Reads pictures, each with the entities that are asked of it, and gives all that was read, in order.

        With one worker and no limits pictures are read in this process, else by others while this one answers.

        Raises:
            EngineError: the engine cannot be loaded.
        """
        with ExitStack() as stack:
            loaded = _ahead(questions, _Loader(stack, self.allow_hosts), stack)
            here = self.workers == 1 and self.limits is None
            pages = self._read_here(loaded) if here else self._read_by_workers(loaded, stack)
            while batch := list(islice(pages, _BATCH)):
                yield from self._answer(batch)

    def names(self, entities: str | Sequence[str]) -> list[str]:
        """The entities that are asked, each once; an unknown one is an `InputError`."""
        names = list(dict.fromkeys([entities] if isinstance(entities, str) else entities))
        for name in names:
            self.schema[name]  # an unknown name is told before anything is read
        return names

    @cached_property
    def readers(self) -> Readers:
        """The readers of pages. Raises InputError where the text model cannot be loaded."""
        return Readers(self.schema, self.stages)

    @cached_property
    def _page_reader(self) -> PageReader:
        from entx.ocr_stage.engines.base import EngineSpec
        from entx.ocr_stage.page_reader import PageReader

        return PageReader(EngineSpec.of(self.engine))

    def _read_here(self, questions: Iterable[_Question]) -> Iterator[_Read]:
        for picture, loaded, names in questions:
            yield picture, loaded.page or self._page_reader.read(loaded.sha256, loaded.data), names

    def _read_by_workers(self, questions: Iterator[_Question], stack: ExitStack) -> Iterator[_Read]:
        """Pages come back in any order and are put in that of the questions; equal pictures in flight are read once."""
        from entx.ocr_stage.engines.base import EngineSpec
        from entx.ocr_stage.page_reader import PageReader
        from entx.ocr_stage.pool import read_pages
        from entx.ocr_stage.worker import Task

        folder = Path(stack.enter_context(TemporaryDirectory(prefix="entx-")))
        waiting: deque[tuple[Picture, str, Sequence[str]]] = deque()
        uses: Counter[str] = Counter()
        done: dict[str, OcrPage] = {}

        def tasks() -> Iterator[Task]:
            for picture, loaded, names in questions:
                waiting.append((picture, loaded.sha256, names))
                uses[loaded.sha256] += 1
                if loaded.page is not None:
                    done[loaded.sha256] = loaded.page
                elif uses[loaded.sha256] == 1:
                    path = loaded.path or folder / loaded.sha256
                    if loaded.path is None:
                        path.write_bytes(loaded.data)
                    yield Task(loaded.sha256, str(path))

        def ready() -> Iterator[_Read]:
            while waiting and waiting[0][1] in done:
                picture, sha256, names = waiting.popleft()
                page = done[sha256]
                uses[sha256] -= 1
                if not uses[sha256]:
                    del uses[sha256], done[sha256]
                    (folder / sha256).unlink(missing_ok=True)
                yield picture, page, names

        reader = partial(PageReader, EngineSpec.of(self.engine))
        read = read_pages(tasks(), reader, workers=self.workers, limits=self.limits)
        for page in stack.enter_context(closing(read)):
            done[page.picture] = page
            yield from ready()
        yield from ready()

    def _answer(self, batch: Sequence[_Read]) -> list[Reading]:
        """The readers' answers to a batch of pages, decided by the ensemble."""
        readings = []
        readable = [(page, names) for _, page, names in batch if page.status is PageStatus.OK]
        said = iter(self.readers.read(readable) if readable else ())
        for picture, page, names in batch:
            unread = Answer(None, reason=f"picture {page.status}: {page.reason}")
            of_page = next(said) if page.status is PageStatus.OK else [(unread,) * len(self.stages)] * len(names)
            quantities = page_quantities(page)
            answers, arms = {}, {}
            for name, own in zip(names, of_page, strict=True):
                arms[name] = dict(zip(self.stages, own, strict=True))
                answers[name] = own[0]
                if self.decide is not None and page.status is PageStatus.OK:
                    entity = self.schema[name]
                    candidates = find_candidates(page, entity, quantities)
                    choice = self.decide(grounded_ballot(0, entity, own, candidates, everything=asks_everything(names)))
                    first = choice.ballot.answers[choice.given.arms[0] if choice.given else 0]  # that gave it
                    answers[name] = choice.answer(first.text if first else "")
            readings.append(Reading(picture, page, answers, arms))
        return readings


def extract(
    picture: Picture,
    entities: str | Sequence[str],
    *,
    stage: str | Path | None = None,
    engine: str = "rapidocr",
    schema: str | Path | None = None,
) -> dict[str, Answer]:
    """Reads one picture: for each entity its answer. For more than a few use an `Extractor`, which this keeps one of.

    Args:
        picture, entities: as for `Extractor.extract`.
        stage: as for `Extractor`; None asks the text model too where torch is installed.
    """
    return _kept(default_stage() if stage is None else stage, engine, schema).extract(picture, entities)


_kept = lru_cache(maxsize=1)(Extractor)


def default_stage() -> str:
    """ "both" where the text model can be run, else "rules"; nothing is imported to find out."""
    return "both" if find_spec("torch") is not None and find_spec("transformers") is not None else RULES


def pictures_of(pictures: str | Path | Iterable[Picture]) -> Iterable[Picture]:
    """The pictures of a folder or pattern by name; anything else as it is. Raises InputError: there is none."""
    if not isinstance(pictures, str | Path):
        single = isinstance(pictures, bytes) or hasattr(pictures, "__array_interface__")  # bytes, array, PIL picture
        return [pictures] if single else pictures  # type: ignore[list-item]
    text = str(pictures)
    if is_url(text):
        return [text]
    path = Path(pictures)
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if one.suffix.lower() in PICTURE_ENDINGS and one.is_file())
    elif any(mark in text for mark in "*?[") and not path.exists():
        base = Path(path.anchor)
        found = sorted(one for one in base.glob(str(path.relative_to(base))) if one.is_file())
    else:
        return [path]
    if not found:
        raise InputError(f"{text}: no picture there; files count that end in {', '.join(sorted(PICTURE_ENDINGS))}")
    return found


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A picture's bytes; or the page that says why there are none. The path is that of its file, if it has one."""

    sha256: str
    data: bytes = b""
    page: OcrPage | None = None
    path: Path | None = None


_Question = tuple[Any, _Loaded, Sequence[str]]
_Read = tuple[Any, OcrPage, Sequence[str]]


class _Loader:
    """Turns whatever a picture is given as into the bytes of a file."""

    def __init__(self, stack: ExitStack, allow_hosts: Collection[str]) -> None:
        self._stack, self._allow_hosts = stack, allow_hosts
        self._fetcher: Fetcher | None = None

    def __call__(self, picture: Picture) -> _Loaded:
        if not isinstance(picture, str | Path):
            data = picture if isinstance(picture, bytes) else _png(picture)
            return _Loaded(hashlib.sha256(data).hexdigest(), data)
        from entx.ocr_stage.worker import verdict

        path = None if isinstance(picture, str) and is_url(picture) else Path(picture)
        try:
            data = self._fetch(str(picture)) if path is None else picture_bytes(path)
        except PictureError as error:
            name = hashlib.sha256(str(picture).encode("utf-8", "surrogatepass")).hexdigest()
            return _Loaded(name, page=OcrPage(name, *verdict(error)))
        return _Loaded(hashlib.sha256(data).hexdigest(), data, path=path)

    def _fetch(self, link: str) -> bytes:
        from entx.download.fetch import Fetcher
        from entx.download.guard import AddressGuard, DownloadError

        if self._fetcher is None:
            self._fetcher = self._stack.enter_context(closing(Fetcher(AddressGuard(self._allow_hosts))))
        try:
            return self._fetcher.fetch(link)
        except DownloadError as error:
            raise PictureError(str(error)) from None


_PNG_MODES = frozenset({"1", "L", "LA", "I", "P", "RGB", "RGBA", "I;16"})


def _png(picture: Any) -> bytes:
    """A PIL picture, turned upright, or an array as the bytes of a PNG file, which loses no pixel."""
    from PIL import Image, ImageOps

    if not isinstance(picture, Image.Image):
        if getattr(picture, "dtype", None) != "uint8":
            raise InputError(
                f"a picture is a path, a link, bytes, a PIL picture or an 8-bit array, not {type(picture)}"
            )
        picture = Image.fromarray(picture)
    upright = ImageOps.exif_transpose(picture)  # a PNG file would lose the tag that a JPEG file is turned by
    if upright.mode not in _PNG_MODES:
        upright = upright.convert("RGB")
    stream = io.BytesIO()
    upright.save(stream, "PNG", compress_level=1)  # it is read once, from memory
    return stream.getvalue()


def _ahead(questions: Iterable[tuple[Picture, Sequence[str]]], load: _Loader, stack: ExitStack) -> Iterator[_Question]:
    """The questions with their pictures loaded, in order, a few of them before they are asked for."""
    pool = ThreadPoolExecutor(_LOADED_AHEAD, thread_name_prefix="entx load")
    stack.callback(pool.shutdown, wait=False, cancel_futures=True)
    pending: deque[tuple[Picture, Future[_Loaded], Sequence[str]]] = deque()
    for picture, names in questions:
        pending.append((picture, pool.submit(load, picture), names))
        if len(pending) > _LOADED_AHEAD:
            given, future, asked = pending.popleft()
            yield given, future.result(), asked
    for given, future, asked in pending:
        yield given, future.result(), asked


def _stacked(text: str) -> tuple[OcrLine, ...]:
    """Lines of text as if they stood below each other: 24 pixels high, 12 a character, half a line apart."""
    lines = [line.strip() for line in text.splitlines()]
    return tuple(
        OcrLine(line, 1.0, (0.0, top, 12.0 * len(line), top, 12.0 * len(line), top + 24.0, 0.0, top + 24.0))
        for number, line in enumerate(line for line in lines if line)
        for top in (36.0 * number,)
    )


_ANSWER_COLUMNS = ("prediction", "prediction_value", "prediction_unit", "p_correct", "p_present", "text", "reason")


def _cells(answer: Answer) -> tuple[Any, ...]:
    quantity = answer.quantity
    what = (quantity.text, float(quantity.value), quantity.unit) if quantity else ("", None, "")
    return (*what, answer.p_correct, answer.p_present, answer.text, answer.reason)


def _load_fitted(path: Path, schema: Schema) -> tuple[tuple[str, ...], Callable[[Ballot], Choice]]:
    """Its stages, and how it decides: a new picture was in none of its folds, so that the first may judge it."""
    if path.suffix != ".json":
        raise InputError(f"stage {str(path)!r}: known are {', '.join(STAGES)}, or the .json file of a fitted ensemble")
    fitted = load_fitted(path)
    if not set(fitted.stages) <= {RULES, LLM} or len(set(fitted.stages)) < len(fitted.stages):
        raise InputError(
            f"{path}: fitted on runs of the stages {', '.join(fitted.stages)}; single pictures are read by one rules "
            "and one llm reader"
        )
    fitted.check(fitted.strategy, fitted.stages, schema.digest)
    chooser = Chooser(fitted.strategy, fitted.stages, fitted, Policy(CHALLENGE_F1))
    return fitted.stages, lambda ballot: chooser.choose([ballot])[0]
