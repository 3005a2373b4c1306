"""Code of a model folder is allowed only as what the named revision holds."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from entx.core.errors import InputError
from entx.neural.model_folder import check_model_folder, code_faults

REVISION = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
CODE = b"class Model:\n    pass\n"


def note(folder: Path, name: str, revision: str = REVISION) -> None:
    """Writes what huggingface_hub notes of a downloaded file."""
    content = (folder / name).read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    path = folder / ".cache" / "huggingface" / "download" / f"{name}.metadata"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{revision}\n{blob}\n1726000000.0\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "moondream1", "auto_map": {"AutoConfig": "modeling.Config"}}')
    (path / "modeling.py").write_bytes(CODE)
    header = b'{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    note(path, "modeling.py")
    note(path, "config.json")
    return path


def test_without_a_revision_all_code_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"modeling\.py is code") as caught:
        check_model_folder(folder)
    assert "config.json asks for code of its own by 'auto_map'" in str(caught.value)


def test_the_named_revision_passes(folder: Path) -> None:
    assert code_faults(folder, REVISION) == []
    assert check_model_folder(folder, remote_code=REVISION).path == folder.resolve()


def test_another_revision_is_refused(folder: Path) -> None:
    assert code_faults(folder, OTHER) == [f"modeling.py is of revision {REVISION}, not {OTHER}"]
    with pytest.raises(InputError, match=r"refused before loading: modeling\.py is of revision"):
        check_model_folder(folder, remote_code=OTHER)


@pytest.mark.parametrize("revision", ["main", "2024-08-26", REVISION[:12], REVISION.upper(), f"{REVISION}\n", " " * 40])
def test_what_may_move_is_no_revision(folder: Path, revision: str) -> None:
    (fault,) = code_faults(folder, revision)
    assert "no commit of 40 hexadecimal digits" in fault


def test_code_changed_after_the_download_is_refused(folder: Path) -> None:
    (folder / "modeling.py").write_bytes(CODE + b"import os\n")
    assert code_faults(folder, REVISION) == ["modeling.py was changed after it was downloaded"]


def test_code_that_was_not_downloaded_is_refused(folder: Path) -> None:
    (folder / "more.py").write_bytes(CODE)
    (fault,) = code_faults(folder, REVISION)
    assert fault.startswith("more.py does not say of which revision it is")
    note(folder, "more.py", OTHER)
    assert code_faults(folder, REVISION) == [f"more.py is of revision {OTHER}, not {REVISION}"]


def test_a_configuration_may_say_the_revision(folder: Path) -> None:
    (folder / ".cache" / "huggingface" / "download" / "modeling.py.metadata").unlink()
    assert "does not say of which revision" in code_faults(folder, REVISION)[0]
    (folder / "config.json").write_text(json.dumps({"model_type": "x", "_commit_hash": REVISION}))
    assert code_faults(folder, REVISION) == []
    assert code_faults(folder, OTHER) == [f"modeling.py is of revision {REVISION}, not {OTHER}"]


@pytest.mark.parametrize("content", ["", REVISION, "\n\n", "\xff"])
def test_broken_notes_tell_nothing(folder: Path, content: str) -> None:
    path = folder / ".cache" / "huggingface" / "download" / "modeling.py.metadata"
    path.write_bytes(content.encode("latin-1"))
    assert len(code_faults(folder, REVISION)) == 1


@pytest.mark.parametrize(
    "config",
    [
        {"auto_map": {"AutoModel": "someone/else--modeling.Model"}},
        {"text_config": {"auto_map": {"AutoModel": "someone/else--modeling.Model"}}},
        {"auto_map": {"AutoTokenizer": [None, "someone/else--modeling.Model"]}},
        [{"auto_map": {"AutoModel": "someone/else--modeling.Model"}}],
    ],
)
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_of_another_place_is_refused(folder: Path, name: str, config: object) -> None:
    (folder / name).write_text(json.dumps(config))
    assert f"{name} asks for code of another place: someone/else--modeling.Model" in code_faults(folder, REVISION)


@pytest.mark.parametrize("name", ["native.so", "cached.pyc", "weights.bin", "more.zip"])
def test_everything_else_is_refused_as_ever(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    with pytest.raises(InputError, match=name):
        check_model_folder(folder, remote_code=REVISION)


def test_a_request_to_trust_everything_is_refused_as_ever(folder: Path) -> None:
    (folder / "generation_config.json").write_text('{"trust_remote_code": true}')
    with pytest.raises(InputError, match="asks for code of its own by 'trust_remote_code'"):
        check_model_folder(folder, remote_code=REVISION)


def test_links_are_refused_as_ever(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_bytes(CODE)
    (folder / "linked.py").symlink_to(tmp_path / "outside.py")
    with pytest.raises(InputError, match=r"linked\.py is a link"):
        check_model_folder(folder, remote_code=REVISION)
