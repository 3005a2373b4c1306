"""What one `entx run` is: its stages and their settings, and its table cut into parts of whole pictures.

Each distinct link falls into one part, so that its picture is had and read once. The parts follow from the table alone,
so nothing but a digest need be kept of them: `plan.json` in the folder of the results holds it with all settings, and
another table or other settings are refused there. Labels of the table are not read: what the labels of product groups
say is learned from a whole store, which no part is.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from entx import __version__
from entx.core.entities import Schema
from entx.core.errors import InputError, TableError
from entx.core.files import PictureFolder, file_name, is_url
from entx.core.tables import parse_indices, read_table, require_entities
from entx.neural.predict import ModelOptions
from entx.ocr_stage.engines.base import EngineSpec, page_key
from entx.ocr_stage.pool import Limits
from entx.parts.place import Place, remote_address
from entx.storage.runs import difference
from entx.storage.transfer import PART_TABLES

if TYPE_CHECKING:
    from entx.ensemble.fit import Fitted
    from entx.ensemble.job import Policy

STAGES = ("ocr", "rules", "llm", "vlm", "ensemble")
PLAN = "plan.json"
PREDICTIONS = "predictions"
"""Of a part, written last: where it is there, the part is finished."""


@dataclass(frozen=True, slots=True)
class ModelStage(ModelOptions):
    """How a model stage answers: what `entx predict` is told by options."""

    hint_run: str | None = None  # llm
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class EnsembleStage:
    """How the ensemble decides: what `entx ensemble` is told by options."""

    strategy: str = "vote"
    fitted: Path | None = None  # what an earlier call learned and saved
    optimise: str | None = None
    always: bool = False
    runs: str | None = None  # the arms, the best first; None for the stages that answer, in their order


@dataclass(frozen=True, slots=True)
class Job:
    """All that a worker needs to know beside its part; small and picklable."""

    table: Path
    out: Path
    stages: tuple[str, ...]
    schema: Schema
    engine: EngineSpec
    models: Mapping[str, ModelStage]  # of the model stages
    ensemble: EnsembleStage
    column: str | None  # of the table, with the bytes of pictures
    allow_hosts: tuple[str, ...]
    workers: int  # OCR processes of one worker
    limits: Limits

    @property
    def arms(self) -> tuple[str, ...]:
        """The runs that the ensemble decides among."""
        if self.ensemble.runs is not None:
            return tuple(self.ensemble.runs.split(","))
        return tuple(stage for stage in self.stages if stage not in ("ocr", "ensemble"))

    def decision(self) -> tuple[Fitted | None, Policy]:
        """What the ensemble learned, and when it answers. Raises InputError: they do not fit it or its arms."""
        from entx.ensemble.fit import load_fitted
        from entx.ensemble.job import Chooser, Policy

        options = self.ensemble
        if foreign := set(self.arms) - (set(self.stages[:-1]) - {"ocr"}):
            raise InputError(
                f"--ensemble runs={options.runs}: {', '.join(foreign)} is no stage of this call that answers"
            )
        fitted = load_fitted(options.fitted) if options.fitted else None
        if fitted is not None:
            fitted.check(options.strategy, self.arms, self.schema.digest)
        policy = Policy.of_options(options.optimise, always=options.always, learned=fitted is not None)
        Chooser(options.strategy, self.arms, fitted, policy)
        return fitted, policy

    def settings(self) -> dict[str, Any]:
        """All that decides the results, with hashes of what files hold. Raises InputError: a file is missing."""
        found: dict[str, Any] = {"entx": __version__, "stages": list(self.stages), "schema": self.schema.digest}
        found["column"] = self.column
        if "ocr" in self.stages:
            found["ocr"] = page_key(self.engine).as_dict()
        for stage, options in self.models.items():
            if (hint := options.hint_run) and hint not in self.stages[1 : self.stages.index(stage)]:
                raise InputError(f"--llm hint_run={hint}: no stage of this call that answers before {stage}")
            told = {name: value for name, value in asdict(options).items() if name not in ("threads", "batch")}
            found[stage] = {**told, "weights": _weights(stage, options)}
        if "ensemble" in self.stages:
            fitted = self.decision()[0]
            found["ensemble"] = {**asdict(self.ensemble), "fitted": fitted and fitted.digest, "runs": list(self.arms)}
        return found


def _weights(stage: str, options: ModelStage) -> str | None:
    from entx.llm_stage.reader import shipped_model
    from entx.neural.model_folder import model_hash

    if options.backend == "openai":
        return None
    folder = Path(options.model) if options.model else shipped_model() if stage == "llm" else None
    if folder is None:
        raise InputError("stage vlm needs a model folder: --vlm model=DIR (entx ships none)")
    return model_hash(folder, *([options.adapter] if options.adapter else []))


def parse_stages(text: str) -> tuple[str, ...]:
    """The stages of --stages A,B,C. Raises InputError: unknown, twice, out of order, or without what they need."""
    stages = tuple(name.strip() for name in text.split(","))
    if list(stages) != [name for name in STAGES if name in stages]:
        raise InputError(f"--stages {text}: some of {','.join(STAGES)}, in this order, each once")
    if {"rules", "llm"} & set(stages) and "ocr" not in stages:
        raise InputError(f"--stages {text}: rules and llm read OCR pages; begin with ocr")
    if stages == ("ensemble",) or stages == ("ocr", "ensemble"):
        raise InputError(f"--stages {text}: the ensemble decides among the answers of rules, llm and vlm")
    return stages


def model_stage(stage: str, given: Mapping[str, Any]) -> ModelStage:
    """The options of a model stage. Raises InputError: one is unknown, of another stage, or has no such value."""
    foreign = {"llm": {"pixels", "crops"}, "vlm": {"hint_run"}}[stage]
    options: ModelStage = _checked(ModelStage, stage, given, foreign)
    options.check(importlib.import_module(f"entx.{stage}_stage.reader").BACKENDS)
    return options


def ensemble_stage(given: Mapping[str, Any]) -> EnsembleStage:
    """The options of the ensemble. Raises InputError as `model_stage`."""
    options: EnsembleStage = _checked(EnsembleStage, "ensemble", given, set())
    return options


def _checked(kind: type, stage: str, given: Mapping[str, Any], foreign: set[str]) -> Any:
    from pydantic import TypeAdapter, ValidationError

    known = [field.name for field in fields(kind) if field.name not in foreign]
    for name in given:
        if name not in known:
            raise InputError(f"--{stage} {name}: unknown; there are: {', '.join(known)}")
    try:
        return TypeAdapter(kind).validate_python(dict(given))
    except ValidationError as error:
        (first, *_) = error.errors()
        raise InputError(f"--{stage} {first['loc'][0]}={first['input']}: {first['msg']}") from None


@dataclass(frozen=True, slots=True)
class PartPicture:
    """A distinct link and the questions about it."""

    link: str
    place: str  # its file here, or its address; "" where there is neither
    why: str  # why there is neither; "" where there is one
    row: int  # of the table, the first that names it
    questions: tuple[tuple[int, str, str], ...]  # index, group_id, entity_name


@dataclass(frozen=True, slots=True)
class Part:
    """Some pictures of the table, in its order."""

    number: int  # from 0 on
    pictures: tuple[PartPicture, ...]

    @property
    def name(self) -> str:
        """Of its files."""
        return f"part-{self.number:06d}"


@dataclass(frozen=True, slots=True)
class Cut:
    """A table in parts."""

    parts: list[Part]
    indices: Sequence[int]  # of all questions, in the table's order
    digest: str  # of all its questions, and of the file's footer where that holds the pictures
    indexed: bool  # False: rows are numbered from 0


def cut_table(job: Job, images: Sequence[Path], size: int) -> Cut:
    """Reads the table and cuts it into parts of so many pictures.

    Args:
        images: folders in which links find their files as in `entx ingest`; on object storage a file must have the
            very name that `entx download` gives it. Without any, links are followed.

    Raises:
        TableError: the table breaks its contract.
        InputError: a folder is missing.
    """
    digest = hashlib.sha256()
    with _here(job.table) as path:
        table = read_table(path, ("image_link", "entity_name"), ("index", "group_id"))
    entities, links = require_entities(table, job.schema), table["image_link"]
    indices: Sequence[int] = parse_indices(table) if "index" in table else range(len(table))
    groups = table.get("group_id") or [""] * len(table)
    asked: dict[str, list[tuple[int, str, str]]] = {}
    first: dict[str, int] = {}
    for row, (index, link, group, entity) in enumerate(zip(indices, links, groups, entities, strict=True)):
        if not link.strip():
            raise table.error(row, "image_link", "the link is empty")
        digest.update(json.dumps([index, link, group, entity]).encode())
        asked.setdefault(link, []).append((index, group, entity))
        first.setdefault(link, row)
    if job.column is not None:
        footer = open_parquet(job.table).metadata
        if job.column not in footer.schema.to_arrow_schema().names:
            raise TableError(job.table, "no such column", column=job.column)
        sizes = [[part.total_byte_size, part.num_rows] for part in map(footer.row_group, range(footer.num_row_groups))]
        digest.update(json.dumps(sizes).encode())
    find = _finder(job, images, list(asked))
    pictures = [PartPicture(link, *find(link), first[link], tuple(asked[link])) for link in asked]
    starts = range(0, len(pictures), size)
    parts = [Part(number, tuple(pictures[start : start + size])) for number, start in enumerate(starts)]
    return Cut(parts, indices, digest.hexdigest()[:16], "index" in table)


@contextmanager
def _here(table: Path) -> Iterator[Path]:
    """The table on this machine: itself, or a temporary copy; of a Parquet file without columns of bytes."""
    if remote_address(table) is None:
        yield table
        return
    with tempfile.TemporaryDirectory(prefix="entx-") as scratch:
        path = Path(scratch, table.name)
        if path.suffix == ".parquet":
            file = open_parquet(table)
            plain = [
                field.name for field in file.schema_arrow if str(field.type) in ("string", "large_string", "int64")
            ]
            pq.write_table(file.read(plain), path)
        else:
            with Place(table).open("") as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy)
        yield path


def open_parquet(table: Path) -> pq.ParquetFile:
    """A Parquet file here or on object storage. Raises TableError: it is none."""
    try:
        return pq.ParquetFile(Place(table).open(""))
    except pa.ArrowInvalid as error:
        raise TableError(table, f"cannot be read: {str(error).splitlines()[0]}") from None


def _finder(job: Job, images: Sequence[Path], links: Sequence[str]) -> Callable[[str], tuple[str, str]]:
    """Where each link's picture is, or why it is nowhere."""
    if job.column is not None:
        return lambda _: (job.column or "", "")
    remote = [address.rstrip("/") for address in map(remote_address, images) if address]
    if images and len(remote) < len(images):
        if remote:
            raise InputError("--images: folders of this machine or one on object storage, not both")
        folder = PictureFolder([path.absolute() for path in images], links)
        return lambda link: (str((found := folder.find(link)).path or ""), found.reason)
    if len(remote) > 1:
        raise InputError("--images: one folder on object storage")
    if remote:
        return lambda link: (f"{remote[0]}/{file_name(link) if is_url(link) else link}", "")
    return lambda link: (link, "") if is_url(link) else ("", "a file name, not a link: give --images")


def settle(job: Job, cut: Cut, size: int) -> None:
    """Writes plan.json, or holds this call to the one that is there.

    Raises:
        InputError: the folder has parts of another table or with other settings; the message names what changed.
    """
    place = Place(job.out)
    counts = {"table": cut.digest, "questions": len(cut.indices), "parts": len(cut.parts), "pictures_a_part": size}
    plan = json.loads(json.dumps({**counts, **job.settings()}, default=str))
    if place.has(PLAN):
        known = _read_plan(place)
        if changed := difference(known, plan):
            raise InputError(f"{job.out} holds parts of another run ({'; '.join(changed)}); choose another --out")
        return
    with tempfile.TemporaryDirectory(prefix="entx-") as scratch:
        Path(scratch, PLAN).write_text(json.dumps(plan, indent=1))
        place.put(Path(scratch, PLAN), PLAN)


def _read_plan(place: Place) -> dict[str, Any]:
    with place.open(PLAN) as stream, suppress(ValueError):
        plan = json.loads(stream.read())
        if isinstance(plan, dict) and "parts" in plan:
            return plan
    raise InputError(f"{place.path / PLAN}: not of an entx run; choose another folder")


@contextmanager
def finished_parts(folder: Path) -> Iterator[Path | None]:
    """The folder of a finished run on this machine, perhaps as a temporary copy; None for anything else.

    Raises:
        InputError: parts are missing.
    """
    place = Place(folder)
    if not place.has(PLAN):
        yield None
        return
    parts = _read_plan(place)["parts"]
    if missing := parts - len(place.names(PREDICTIONS)):
        raise InputError(f"{folder}: {missing} of {parts} parts are not finished; the same entx run goes on with them")
    with place.here(*PART_TABLES) as here:
        yield here
