from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from entx.cli.app import Output
from tests.cli.runner import Entx


def test_a_person_gets_lines_and_tables_and_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(quiet=False, as_json=False)
    out.line("hello")
    out.table(["name", "n"], [["a", "100"], ["long", "1"]])
    out.table(["name", "what"], [["a", "thing"], ["long", "x"]], words=2)
    out.result({"n": 1})
    written = capsys.readouterr().out
    assert written == "hello\nname    n\na     100\nlong    1\nname  what\na     thing\nlong  x\n"


def test_json_is_one_object_and_notices_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(quiet=False, as_json=True)
    out.line("hello")
    out.notice("careful")
    out.result({"text": "é"})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"text": "é"}
    assert captured.err == "entx: careful\n"


def test_what_a_terminal_obeys_is_shown_escaped(tmp_path: Path, entx: Entx, capsys: pytest.CaptureFixture[str]) -> None:
    """A file's name may clear the screen, turn the line round or pretend another line; JSON stays what it was."""
    name = "a\x1b[2J\nentx: all is well\u202e\x9b\udcff.csv"
    seen = "a\\u001b[2J\\u000aentx: all is well\\u202e\\u009b\\udcff.csv"
    entx("check", tmp_path / name, "--test", tmp_path / name).assert_refused(seen)
    out = Output(quiet=False, as_json=False)
    out.line(f"{name}: read")
    out.table(["name", "n"], [[name, "1"]])
    out.notice(name)
    captured = capsys.readouterr()
    assert captured.out == f"{seen}: read\n{'name':{len(seen)}}  n\n{seen}  1\n"
    assert captured.err == f"entx: {seen}\n"
    Output(quiet=False, as_json=True).result({"name": name}, indent=1)
    assert json.loads(printed := capsys.readouterr().out) == {"name": name}
    assert printed.count("\n") == 3


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(quiet=True, as_json=False)
    out.line("hello")
    out.notice("careful")
    out.table(["a"], [["b"]])
    out.result({})
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_without_a_terminal_progress_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with Output(quiet=False, as_json=False).progress("pictures", 3) as advance:
        advance(3)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_closed_pipe_is_no_fault(tmp_path: Path) -> None:
    """`entx check ... | head -1`: the reader leaves, the verdict stays the exit code."""
    (tmp_path / "t.csv").write_text(
        "index,image_link,entity_name\n" + "".join(f"{i},a.jpg,height\n" for i in range(5000))
    )
    (tmp_path / "p.csv").write_text("index,prediction\n" + "".join(f"{i},1 gram\n" for i in range(5000)))
    reading, writing = os.pipe()
    arguments = [sys.executable, "-m", "entx", "check", tmp_path / "p.csv", "--test", tmp_path / "t.csv"]
    with subprocess.Popen(arguments, stdout=writing, stderr=subprocess.PIPE, text=True) as process:
        os.close(writing)
        os.read(reading, 10)
        os.close(reading)
        assert process.stderr is not None
        error = process.stderr.read()
    assert process.returncode == 2
    assert error.count("\n") == 1


def test_help_is_fast_and_every_command_has_an_example(entx: Entx) -> None:
    """Nothing heavy is imported for --help; each command's help shows how it is called."""
    heavy = {"numpy", "pandas", "duckdb", "cv2", "pyarrow", "rapidocr", "openvino", "PIL", "rich.progress"}
    code = f"""
import sys
from entx.cli.app import main
sys.argv = ["entx", "--help"]
try:
    main()
finally:
    print([module for module in sys.modules if module in {heavy}])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Commands:" in done.stdout
    assert done.stdout.endswith("\n[]\n")
    names = _listed(entx("--help").out)
    assert len(names) > 8
    for name in names:
        for call in [(name, inner) for inner in _listed(entx(name, "--help").out)] or [(name,)]:
            text = entx(*call, "--help").out
            assert f"entx {' '.join(call)}" in text.split("Example:", 1)[1]
            assert {"--quiet", "--json"} <= set(text.split())


def _listed(text: str) -> list[str]:
    """The commands that a help lists."""
    lines = text.partition("Commands:")[2].splitlines()
    return [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]


def test_an_unknown_command_is_wrong_use(entx: Entx) -> None:
    ended = entx("frobnicate")
    assert ended.code == 2
    assert "frobnicate" in ended.err


def test_a_signal_that_duckdb_turns_into_an_error_still_ends_as_a_signal() -> None:
    """Inside a query DuckDB runs the handler itself, swallows its SystemExit and raises a RuntimeError."""
    code = """
import os, signal
from entx.cli import app
def query():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except SystemExit:
        raise RuntimeError("Query interrupted") from None
app.all_commands = lambda: query
app.main()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (128 + signal.SIGTERM, 1)
    assert "stopped by SIGTERM" in ended.stderr
