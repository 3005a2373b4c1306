import resource
import subprocess
import sys
from pathlib import Path

import pytest

from entx.core.errors import EntxError
from entx.core.memory import available_cores, available_memory, memory_error

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
from entx.cli.app import main
main()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS binds on Linux")


@pytest.mark.parametrize(
    "command",
    [
        "ocr-cache --store {}/s.duckdb", "extract {}/a.jpg --entity height", "doctor",
        "predict --stage llm --store {}/s.duckdb",
    ],
)  # fmt: skip
def test_too_little_memory_is_one_line_before_anything_is_loaded(command: str, tmp_path: Path) -> None:
    words = command.format(tmp_path).split()
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(10**9), *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("entx: not enough memory: 1.0 of the 2 GB of addresses needed; ")
    assert run.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_memory_that_runs_out_later_is_one_line_too(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    rows = "".join(f"{index},height,{'x' * 900_000}\n" for index in range(200))
    table.write_text("index,entity_name,prediction\n" + rows)
    words = ["check", str(table), "--test", str(table)]
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(2 * 10**8), *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert (run.returncode, run.stderr) == (2, f"entx: {memory_error(MemoryError())}\n")


def test_an_error_that_memory_caused_is_told_from_others() -> None:
    outer = RuntimeError("torch cannot be loaded")
    outer.__cause__ = ImportError("libtorch_cpu.so: failed to map segment from shared object")
    assert isinstance(memory_error(outer), EntxError)
    assert memory_error(RuntimeError("another thing")) is None


def test_what_may_be_used_is_no_more_than_the_machine_has() -> None:
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert available_memory() in range(1, total + 1)
    assert available_cores() >= 1
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY  # nothing here has set one
