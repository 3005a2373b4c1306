"""`entx ocr-cache`: each picture of the store read once."""

from __future__ import annotations

from typing import Annotated

import typer

from entx.cli.app import Json, Quiet, StoreOption, app
from entx.cli.output import Output
from entx.core.errors import ExitCode, InputError


@app.command("ocr-cache")
def ocr_cache(
    store: StoreOption,
    engine: Annotated[
        str, typer.Option("--engine", help="rapidocr, paddleocr, or one that a plug-in adds.")
    ] = "rapidocr",
    param: Annotated[
        list[str] | None, typer.Option("--param", help="Engine or reader setting as NAME=VALUE; may be repeated.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Reading processes; default: one a core.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Read pictures again that failed before.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Read every picture of the store that has not been read with this engine and setting, and keep its page.

    Can be stopped at any moment and goes on where it was. A picture that cannot be read gets a page with the reason,
    and the exit code is then 3.

    Example: entx ocr-cache --store challenge.duckdb --workers 2
    """
    from contextlib import ExitStack

    from entx.ocr_stage.cache import fill_cache
    from entx.ocr_stage.engines.base import EngineSpec
    from entx.ocr_stage.pool import available_cores
    from entx.storage.pages import failed_pages
    from entx.storage.store import Store

    out = Output(quiet=quiet, as_json=as_json)
    spec = EngineSpec.of(engine, **dict(_parse_param(text) for text in param or ()))
    with Store(store, write=True) as opened, ExitStack() as stack:
        report = fill_cache(
            opened,
            spec,
            workers=workers or available_cores(),
            retry_failed=retry_failed,
            warn=out.notice,
            begin=lambda total: stack.enter_context(out.progress("pictures", total, unit="pictures")),
        )
        failed = failed_pages(opened, report.key, most=5)
    for path, status, reason in failed:
        out.notice(f"{path}: {status}: {reason}")
    rate = f", {report.read / report.seconds:.1f} a second" if report.read else ""
    out.line(f"{report.read} pictures read in {report.seconds:.1f} s{rate}")
    counts = ", ".join(f"{count} {status}" for status, count in sorted(report.pages.items())) or "none"
    out.line(f"pages of {engine} in the store: {counts}")
    out.result({
        "engine": engine, "read": report.read, "seconds": round(report.seconds, 3), "pages": report.pages,
    })  # fmt: skip
    if any(status != "ok" for status in report.pages):
        raise typer.Exit(ExitCode.QUARANTINED)


def _parse_param(text: str) -> tuple[str, str | int | float | bool]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"--param {text}: write it as NAME=VALUE")
    if value in ("true", "false"):
        return name, value == "true"
    for number in (int, float):
        try:
            return name, number(value)
        except ValueError:
            continue
    return name, value
