"""Parts worked off: one after the other here, or by actors of a Ray cluster; one worker does the same in both.

A part is a small store. A worker fills a temporary one with the part's questions and picture files, calls the very
functions that the commands call, and writes what the store then holds as Parquet files, the predictions last: a part
that has them is never worked on again. Whatever ends a run, or one of its nodes, loses the parts in flight only.
Engines and models are loaded once a worker. Pictures that have no file here lie in a temporary folder meanwhile.
"""

from __future__ import annotations

import csv
import importlib
import logging
import os
import pickle
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from entx.core.errors import EntxError, InputError
from entx.core.files import MAX_BYTES, file_name
from entx.core.memory import available_cores
from entx.core.settings import refuse_offline
from entx.core.types import PageKey, Question
from entx.ocr_stage.cache import fill_cache
from entx.ocr_stage.engines.base import page_key
from entx.ocr_stage.page_reader import PageReader
from entx.ocr_stage.pool import Pool
from entx.parts.place import Place, remote_address
from entx.parts.plan import PREDICTIONS, Cut, Job, Part, PartPicture, open_parquet
from entx.storage.pages import count_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store
from entx.storage.transfer import PART_TABLES, link_file, write_part

_FETCHES = 16  # pictures of a part that are fetched at a time
_TELLING = 8  # tried pictures of a part of which none could be had: that is the machine's or the network's fault


@dataclass(frozen=True, slots=True)
class PartReport:
    """What came of a part."""

    name: str
    questions: int
    pages: Mapping[str, int]  # by status
    without_picture: int  # links whose picture could not be had
    notices: tuple[str, ...]
    seconds: float
    fault: str = ""  # why the run cannot go on


class Worker:
    """Works parts off, one at a time; `close` ends its processes."""

    def __init__(self, job: Job) -> None:
        self._job, self._out = job, Place(job.out)
        self._readers: dict[str, tuple[Any, Mapping[str, Any]]] = {}
        warnings.filterwarnings("ignore", module="PIL")  # remarks on one odd picture belong to no line of ours
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)

    def work(self, part: Part) -> PartReport:
        """Answers the questions of a part and writes its files.

        Raises:
            EntxError: an engine or a model cannot be loaded, the results cannot be written, or no picture can be had.
        """
        started, notices, job = time.monotonic(), list[str](), self._job
        with (
            tempfile.TemporaryDirectory(prefix="entx-part-") as name,
            Store(Path(name, "part.duckdb"), write=True) as store,
        ):
            scratch = Path(name)
            questions = [
                Question(index, picture.link, group, entity)
                for picture in part.pictures
                for index, group, entity in picture.questions
            ]
            add_questions(store, questions, job.table.name)
            files, why = self._pictures(part, scratch)
            add_files(store, files)
            pages, run = self._answer(store, notices.append)
            with store.transaction() as connection:  # of what was fetched only the link is of use to others
                connection.execute(
                    "update pictures set path = image_link where starts_with(path, ?)", [f"{name}{os.sep}"]
                )
            write_part(store, run, scratch, why)
            for table in (*PART_TABLES, PREDICTIONS):
                self._out.put(scratch / f"{table}.parquet", f"{table}/{part.name}.parquet")
        seconds = time.monotonic() - started
        return PartReport(part.name, len(questions), pages, len(why), tuple(notices), seconds)

    def close(self) -> None:
        """Ends the OCR processes."""
        if "_pool" in vars(self):
            self._pool.close()

    @cached_property
    def _pool(self) -> Pool:
        return Pool(partial(PageReader, self._job.engine), workers=self._job.workers, limits=self._job.limits)

    @cached_property
    def _key(self) -> PageKey | None:
        return page_key(self._job.engine) if "ocr" in self._job.stages else None

    def _answer(self, store: Store, warn: Callable[[str], None]) -> tuple[Mapping[str, int], str]:
        """Runs the stages; the number of pages by status, and the run whose answers count."""
        job, key, run = self._job, self._key, ""
        for stage in job.stages:
            if stage == "ocr":
                fill_cache(store, job.engine, workers=job.workers, pool=self._pool, warn=warn)
                continue
            if stage == "rules":
                from entx.rules.reader import answer_questions as answer_by_rules

                assert key is not None
                answer_by_rules(store, key, job.schema, stage)
            elif stage == "ensemble":
                self._decide(store)
            else:
                from entx.neural.predict import Task, answer_questions

                options = job.models[stage]
                if stage not in self._readers:
                    reader_of = importlib.import_module(f"entx.{stage}_stage.reader")
                    self._readers[stage] = reader_of.open_reader(options, job.schema, warn)
                task = Task(key, options.hint_run, size=options.batch)
                answer_questions(store, self._readers[stage][0], stage, self._readers[stage][1], task)
            run = stage
        return ({} if key is None else count_pages(store, key)), run

    def _decide(self, store: Store) -> None:
        from entx.ensemble.job import run_ensemble
        from entx.storage.runs import count_asked

        job, (fitted, policy) = self._job, self._decision
        if count_asked(store, job.arms):  # else no picture of the part could be had: no arm was asked
            run_ensemble(
                store, job.ensemble.strategy, job.arms, job.schema, "ensemble", fitted=fitted, policy=policy
            )  # fmt: skip

    @cached_property
    def _decision(self) -> Any:
        return self._job.decision()

    def _pictures(self, part: Part, folder: Path) -> tuple[list[LinkedFile], dict[str, str]]:
        """The files of a part's pictures, and the links without one with the reason."""
        why = {one.link: one.why for one in part.pictures if not one.place}
        tried = [one for one in part.pictures if one.place]
        paths = {one.link: folder / file_name(one.link) for one in tried}
        if self._job.column is not None:
            why |= self._take_bytes(tried, paths)
        else:
            stored = [one for one in tried if remote_address(one.place)]
            links = [one.link for one in tried if one.place == one.link and one not in stored]
            paths |= {one.link: Path(one.place) for one in tried if one.place != one.link and one not in stored}
            why |= self._fetch(links, folder) if links else {}
            with ThreadPoolExecutor(_FETCHES) as threads:
                reasons = threads.map(lambda one: _copy(one.place, paths[one.link]), stored)
                why |= {one.link: reason for one, reason in zip(stored, reasons, strict=True) if reason}
        files = []
        for one in tried:
            try:
                files += [link_file(one.link, paths[one.link])] if one.link not in why else []
            except OSError as error:
                why[one.link] = f"{paths[one.link]}: cannot be read: {error.strerror}"
        if len(tried) >= _TELLING and not files:
            reason = why[tried[0].link]
            raise InputError(f"{part.name}: none of its {len(tried)} pictures can be had ({tried[0].link}: {reason})")
        return files, why

    def _fetch(self, links: Sequence[str], folder: Path) -> dict[str, str]:
        from entx.download.fetch import Fetcher
        from entx.download.guard import AddressGuard
        from entx.download.job import download

        fetcher = Fetcher(AddressGuard(self._job.allow_hosts), connections=_FETCHES)
        return {one.link: one.reason for one in download(links, folder, fetcher, workers=_FETCHES).failures}

    def _take_bytes(self, pictures: Sequence[PartPicture], paths: Mapping[str, Path]) -> dict[str, str]:
        """Writes the bytes that stand in the table: a column of bytes, or of records with some (the field "bytes")."""
        file, wanted, start = open_parquet(self._job.table), {one.row: one.link for one in pictures}, 0
        for group in range(file.num_row_groups):
            rows = range(start, start := start + file.metadata.row_group(group).num_rows)
            if own := [row for row in wanted if row in rows]:
                cells = file.read_row_group(group, [self._job.column]).column(0)
                for row in own:
                    cell = cells[row - rows.start].as_py()
                    data = cell.get("bytes") if isinstance(cell, dict) else cell
                    if isinstance(data, bytes):
                        paths[wanted.pop(row)].write_bytes(data)
        return dict.fromkeys(wanted.values(), f"no bytes in the column {self._job.column}")


def _copy(address: str, path: Path) -> str:
    """Copies an object to a file; why not, "" where it did."""
    try:
        with Place(Path(address)).open("") as source:
            if source.size() > MAX_BYTES:
                return f"{source.size()} bytes, over the limit of {MAX_BYTES} bytes"
            path.write_bytes(source.read())
    except InputError as error:
        return str(error)
    return ""


def work_here(job: Job, parts: Sequence[Part]) -> Iterator[PartReport]:
    """The parts one after the other, in this process."""
    worker = Worker(job)
    try:
        for part in parts:
            yield worker.work(part)
    finally:
        worker.close()


class PartActor:
    """A worker as Ray Data calls it: batches of one pickled part in, of one report out."""

    def __init__(self, job: Job) -> None:
        self._worker = Worker(job)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[bytes]]:
        """Works the part off; what a user can mend comes back as the report's fault."""
        part: Part = pickle.loads(batch["part"][0])
        try:
            report = self._worker.work(part)
        except (EntxError, OSError) as error:
            report = PartReport(part.name, 0, {}, 0, (), 0.0, str(error))
        return {"report": [pickle.dumps(report)]}


def work_by_ray(job: Job, parts: Sequence[Part], address: str | None) -> Iterator[PartReport]:
    """The parts by as many actors as the cluster has room for, as they are done; a lost node's parts go to others.

    An actor has `job.workers` CPUs and, where the cluster has GPUs and a model is loaded, one GPU; without an address
    a cluster of this machine is started for the call. One CPU is left: with actors on all of them nothing would feed
    them.

    Raises:
        InputError: Ray is not installed, or the cluster cannot be reached or has no room for one actor; or the first
            fault of a part.
    """
    if address is not None:
        refuse_offline(f"--address {address}")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0"}  # it would report home
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # native code's remarks go to our stderr
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError(f"--executor ray needs Ray ({error}): pip install 'entx-hybrid[ray]'") from None
    for logger in ("ray", "ray.data"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    cpus = available_cores() + 1
    own: dict[str, Any] = {"num_cpus": cpus, "_node_ip_address": "127.0.0.1", "include_dashboard": False}
    try:
        ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **({} if address else own))
    except (ConnectionError, ValueError) as error:
        raise InputError(f"--address {address}: no Ray cluster can be reached there: {error}") from None
    with ExitStack() as stack:
        stack.callback(ray.shutdown)
        stack.enter_context(redirect_stdout(sys.stderr))  # Ray tells there of lost nodes; ours is for results
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        loads = any(options.backend != "openai" for options in job.models.values())
        room = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = int(loads and any(node.get("GPU", 0) >= 1 for node in room))
        seats = [min(node.get("CPU", 0) // job.workers, node.get("GPU", 0) if gpus else 1e9) for node in room]
        spare = sum(node.get("CPU", 0) for node in room) - sum(seats) * job.workers >= 1
        actors = int(min(sum(seats) - (not spare), len(parts)))
        if actors < 1:
            raise InputError(f"the Ray cluster has no room for an actor of {job.workers} CPUs beside one that feeds it")
        rows = [{"part": pickle.dumps(part)} for part in parts]
        reports = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            PartActor, batch_size=1, fn_constructor_args=(job,), num_cpus=job.workers, num_gpus=gpus or None,
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=actors, initial_size=actors, max_tasks_in_flight_per_actor=1
            ),
        )  # fmt: skip
        for row in reports.iter_rows():
            report: PartReport = pickle.loads(row["report"])
            if report.fault:
                raise InputError(report.fault)
            yield report


def write_predictions_file(job: Job, cut: Cut) -> dict[str, int]:
    """Writes predictions.csv, index and prediction in the table's order, from the finished parts; counts its rows.

    Raises:
        InputError: a question of the table stands in no part, or twice.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    place, tables = Place(job.out), []
    for part in cut.parts:
        with place.open(f"{PREDICTIONS}/{part.name}.parquet") as stream:
            tables.append(pq.read_table(stream, columns=["index", "prediction"]))
    found = pa.concat_tables(tables).combine_chunks() if tables else None
    order = pc.index_in(pa.array(cut.indices, pa.int64()), value_set=found["index"]) if found else pa.array([])
    if found is None or order.null_count or len(order) != len(found):
        raise InputError(f"{job.out}: the parts do not hold every question of {job.table} once; choose another --out")
    texts = found["prediction"].take(order)
    with tempfile.TemporaryDirectory(prefix="entx-") as scratch:
        path = Path(scratch, "predictions.csv")
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("index", "prediction"))
            writer.writerows(zip(cut.indices, texts.to_pylist(), strict=True))
        place.put(path, path.name)
    return {"questions": len(order), "answered": pc.sum(pc.not_equal(texts, "")).as_py() or 0}
