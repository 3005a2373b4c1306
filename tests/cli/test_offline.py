"""What leaves this machine: every command under an audit hook that each of its processes brings along.

Python reports sockets that Python opens; those of native code it does not see (`strace -f -e trace=network` does).
Variables of CI services are taken out, because libraries that report home hold still where those are set.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import typer

from entx.cli.app import all_commands
from entx.core.settings import OFFLINE
from entx.extractor import default_stage
from tests.cli.runner import Entx
from tests.download.conftest import PictureServer, serving

ROOT = Path(__file__).parents[2]
DEMO = Path(str(files("entx"))) / "demo"
EVENTS = ("connect", "sendto", "sendmsg", "bind", "getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo")

HOOK = f"""
import os, sys
def hook(event, arguments):
    if event.startswith("socket.") and event[7:] in {EVENTS}:
        said = repr(arguments[1] if hasattr(arguments[0], "fileno") else arguments[0])
        with open(os.environ["AUDIT"], "a") as log:
            log.write(f"{{os.environ['COMMAND']}}\\t{{event[7:]}} {{said}}\\n")
sys.addaudithook(hook)
with open(os.environ["AUDIT"], "a") as log:
    log.write(f"{{os.environ['COMMAND']}}\\tprocess {{os.getpid()}}\\n")
"""
"""A module that every Python process imports at its start where it is found."""

CALLS = """
import json, os, sys
from entx.cli.app import main
for line in json.loads(sys.argv[1]):
    words = [word for word in line if not word.startswith("-")]
    os.environ["COMMAND"] = " ".join(words[:2] if words[0] in ("store", "recipe", "review") else words[:1])
    sys.argv = ["entx", *line]
    with open(os.environ["AUDIT"], "a") as log:
        log.write(f"{os.environ['COMMAND']}\\tprocess {os.getpid()}\\n")
    try:
        main()
    except SystemExit as end:
        assert end.code in (0, None), (line, end.code)
"""

PROGRAMS = [
    [
        "demo --out demo",
        "train --stage llm --recipe tiny.toml --store tiny.duckdb --model base --out made --set train.method=lora "
        "--set lora.r=2 --set lora.alpha=4 --set train.epochs=0.2",
        "merge-adapter --model base --adapter made --store tiny.duckdb --out merged --dtype float32 --rows 2 --allow 2",
        "import-model tiny.gguf --out imported",
        f"calibrate --stage llm --store demo/demo.duckdb --gold {DEMO}/truth.csv --out calibrated",
        "dataset --stage llm --store tiny.duckdb --out data",
    ],
    [
        "doctor",
        f"ingest {DEMO}/questions.csv --images {DEMO}/pictures --store s.duckdb",
        "store export pages --store demo/demo.duckdb --out pages.parquet",
        "store import pages.parquet --store s.duckdb",
        "ocr-cache --store s.duckdb",
        "predict --stage rules --store s.duckdb --out p.csv",
        "import-predictions p.csv --stage vlm --run other --store s.duckdb",
        f"evaluate p.csv --gold {DEMO}/truth.csv",
        f"check p.csv --test {DEMO}/questions.csv",
        f"run {DEMO}/questions.csv --images {DEMO}/pictures --out parts --stages ocr,rules,ensemble",
        f"split {DEMO}/questions.csv --out split --by entity_name",
        "ensemble --store s.duckdb --runs rules,other --strategy vote",
        f"ablate --store s.duckdb --gold {DEMO}/truth.csv --runs rules,other --out a.html --strategies vote",
        "show 0 --store s.duckdb --out page.html",
        "recipe list",
        "recipe show entx-small",
        "recipe copy entx-small mine.toml",
        "recipe check mine.toml",
        "review config",
        "review export --store s.duckdb --runs rules,other --out tasks.json",
        "review import reviewed.json --store s.duckdb --out reviewed.csv",
        f"extract {DEMO}/pictures/02_cabinet.jpg --entity height --stage rules",
        "store compact --store s.duckdb",
        "store info --store s.duckdb",
        "store repair --store s.duckdb",
        "download links.csv --images fetched --allow-host 127.0.0.1",
    ],
]
"""Command lines by the process that runs them: what loads torch, and what loads an engine (the two do not mix)."""


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield " ".join(path)
    for name, inner in getattr(command, "commands", {}).items():
        yield from leaves(inner, (*path, name))


@pytest.mark.engine
@pytest.mark.timeout(600)
@pytest.mark.skipif(default_stage() == "rules", reason="torch and transformers are not installed")
def test_no_command_asks_for_another_machine_unless_told_to(tmp_path: Path) -> None:
    prepare(tmp_path)
    asked: dict[str, set[str]] = defaultdict(set)
    for server in serving(PictureServer()):
        (tmp_path / "links.csv").write_text(f"image_link\n{server.url('good/1.jpg')}\n")
        for program in PROGRAMS:
            run(tmp_path, program)
    for line in (tmp_path / "audit").read_text().splitlines():
        command, _, said = line.partition("\t")
        asked[command].add(said)
    assert sorted(asked) == sorted(leaves(typer.main.get_command(all_commands())))
    assert len([said for said in asked["demo"] if said.startswith("process")]) > 1, "the hook goes to workers too"
    outside = {
        command: sorted(one for one in said if not re.match(r"process|\w+ \(?'(127\.0\.0\.1|::1)'", one))
        for command, said in asked.items()
    }
    assert {command: said for command, said in outside.items() if said} == {}
    assert any("127.0.0.1" in said for said in asked["download"]), "the hook sees what is asked"
    assert not (tmp_path / "home" / "intel").exists()


def prepare(folder: Path) -> None:
    from tests.llm_stage.tiny_models import tiny_model
    from tests.neural.tiny_gguf import write_gguf
    from tests.neural.training.inputs import text_inputs

    write_gguf(folder / "tiny.gguf", tiny_model("llama"))
    (folder / "text").mkdir()
    made = text_inputs(folder / "text")
    shutil.move(made.store, folder / "tiny.duckdb")
    shutil.move(made.base, folder / "base")
    shutil.move(made.folder / "tiny.toml", folder / "tiny.toml")
    (folder / "home").mkdir()
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(HOOK)
    (folder / "reviewed.json").write_text("[]")


def run(folder: Path, lines: list[str]) -> None:
    hidden = (
        "CI",
        "TF_BUILD",
        "JENKINS_URL",
        "GITHUB_ACTIONS",
        "HF_HUB_OFFLINE",
        "DO_NOT_TRACK",
        "ORT_DISABLE_TELEMETRY",
        "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK",
    )
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    ended = subprocess.run(
        [sys.executable, "-c", CALLS, json.dumps([line.split() for line in lines])],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        env={**kept, "HOME": str(folder / "home"), "PYTHONPATH": f"{folder / 'hook'}:{ROOT}",
             "AUDIT": str(folder / "audit"), "COMMAND": lines[0].split()[0]},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(params=["option", "global option", "variable"])
def offline(request: pytest.FixtureRequest, entx: Entx, monkeypatch: pytest.MonkeyPatch) -> Entx:
    """Runs a command with the switch on."""
    monkeypatch.setenv(OFFLINE, "1" if request.param == "variable" else "0")
    before, after = {"option": ([], ["--offline"]), "global option": (["--offline"], []), "variable": ([], [])}[
        request.param
    ]
    return lambda *arguments: entx(*before, *arguments, *after)


def test_offline_refuses_what_would_leave_this_machine(offline: Entx, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image_link\nhttps://example.com/a.jpg\n")
    says = "not with --offline (or ENTX_OFFLINE=1)"
    offline("download", tmp_path / "t.csv", "--images", tmp_path / "p").assert_refused(
        f"links are not followed: {says}"
    )
    picture = ("extract", "https://example.com/a.jpg", "--entity", "height")
    offline(*picture).assert_refused(f"links are not followed: {says}")
    server = ("predict", "--stage", "llm", "--store", tmp_path / "s", "--backend", "openai", "--base-url")
    offline(*server, "http://example.com/v1").assert_refused(f"--base-url http://example.com/v1: {says}")
    for here in ("http://127.0.0.1:9/v1", "http://localhost:9/v1", "http://[::1]:9/v1"):
        assert says not in offline(*server, here).err
    assert not (tmp_path / "p").exists()


def test_extract_follows_a_link_through_the_guard(entx: Entx) -> None:
    ended = entx("extract", "http://127.0.0.1/a.jpg", "/nowhere/a.jpg", "--entity", "height")
    assert ended.code == 3
    first, second = ended.out.splitlines()
    assert "127.0.0.1, which is not public" in first
    assert "No such file" in second


def test_what_cannot_be_read_loads_neither_engine_nor_model(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = ['entx', 'extract', 'gone.jpg', 'http://127.0.0.1/a.jpg', '--entity', 'height']\n"
        "from entx.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 3\n"
        "print(sorted({'torch', 'transformers', 'rapidocr', 'openvino'} & sys.modules.keys()))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "twice",
    [("--store", "a", "--store", "b"), ("--store", "a", "--store=a"), ("--store", "a", "--json", "--json")],
)
def test_an_option_that_is_no_list_is_given_once(entx: Entx, twice: tuple[str, ...]) -> None:
    name = twice[-1].partition("=")[0] if twice[-1].startswith("--") else twice[-2]
    entx("store", "info", *twice).assert_refused(f"{name} is given 2 times; it takes one value")


def test_a_list_is_given_as_often_as_one_likes(entx: Entx, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("index,image_link,entity_name\n0,a.jpg,height\n")
    folders = ("--images", tmp_path, "--images", tmp_path)
    assert entx("ingest", tmp_path / "t.csv", *folders, "--store", tmp_path / "s.duckdb").code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("line", ["review config", "--help", "recipe list --json"])
def test_a_full_disk_under_stdout_is_one_line(line: str) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "entx", *line.split()],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert "No space left on device" in ended.stderr


def test_a_name_that_a_terminal_cannot_write_is_escaped() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "entx", "store", "info", "--store", "\udcff\u00fc"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.startswith("entx: \\udcff\\xfc: ")


def test_a_folder_that_cannot_be_made_is_one_line(entx: Entx, tmp_path: Path) -> None:
    entx("demo", "--out", tmp_path / ("a" * 300)).assert_refused("File name too long")
