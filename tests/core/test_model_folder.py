"""Model folders: what must not be loaded is refused before any library opens it."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest

from entx.core.errors import InputError
from entx.neural.model_folder import check_model_folder, fingerprint


def safetensors(path: Path, shape: tuple[int, ...] = (2, 2), fill: int = 0) -> None:
    count = 4 * shape[0] * shape[1]
    header = json.dumps({"weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, count]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes([fill]) * count)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "llama"}')
    (path / "tokenizer.json").write_text("{}")
    (path / "README.md").write_text("card")
    safetensors(path / "model.safetensors")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        check_model_folder(path)
    return str(caught.value)


def test_a_plain_folder_passes(folder: Path) -> None:
    found = check_model_folder(folder)
    assert found.path == folder.resolve()
    assert not found.is_adapter
    assert found.weight_bytes == (folder / "model.safetensors").stat().st_size


def test_an_adapter_is_told_from_a_model(folder: Path) -> None:
    (folder / "config.json").rename(folder / "adapter_config.json")
    assert check_model_folder(folder).is_adapter


class Bomb:
    """A pickle that leaves a mark when it is loaded."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "x.pt", "x.pth", "x.pkl", "x.PICKLE", "x.ckpt", "x.npy", "x.pt.1"]
)
def test_pickled_weights_are_refused_and_never_opened(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
    assert f"{name} may hold pickled code" in refusal(folder)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", ["modeling_x.py", "x.so", "x.pyc"])
def test_code_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    assert f"{name} is code" in refusal(folder)


@pytest.mark.parametrize("content", [{"auto_map": {"AutoModel": "x.Y"}}, {"a": [{"auto_map": {"A": "b"}}]}])
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_references_to_code_are_refused(folder: Path, name: str, content: dict[str, object]) -> None:
    (folder / name).write_text(json.dumps(content))
    assert f"{name} asks for code of its own by 'auto_map'" in refusal(folder)


def test_an_empty_auto_map_is_none(folder: Path) -> None:
    (folder / "config.json").write_text('{"auto_map": {}}')
    check_model_folder(folder)


def test_links_are_refused_wherever_they_lead(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.safetensors"
    safetensors(outside)
    (folder / "a.safetensors").symlink_to(outside)
    (folder / "b.json").symlink_to("config.json")
    (folder / "deeper").symlink_to(tmp_path, target_is_directory=True)
    said = refusal(folder)
    for name in ("a.safetensors", "b.json", "deeper"):
        assert f"{name} is a link" in said


def test_special_files_are_refused_without_waiting_for_them(folder: Path) -> None:
    os.mkfifo(folder / "pipe.json")
    assert "pipe.json is no plain file" in refusal(folder)


def test_archives_are_refused(folder: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../evil.py", "x")
    (folder / "weights.zip").write_bytes(stream.getvalue())
    assert "weights.zip is an archive" in refusal(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a whole safetensors file"), (b"\x00" * 7, "is not a whole safetensors file"),
        ((10**15).to_bytes(8, "little") + b"{}", "is not a whole safetensors file"),
        ((4).to_bytes(8, "little") + b"nope", "header is no JSON"),
        ((4).to_bytes(8, "little") + b"[12]", "header is no object"), (pickle.dumps({"a": 1}), "safetensors file"),
    ],
)  # fmt: skip
def test_what_only_calls_itself_safetensors_is_refused(folder: Path, content: bytes, said: str) -> None:
    (folder / "model.safetensors").write_bytes(content)
    assert said in refusal(folder)


def test_cut_weights_are_refused(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-1])
    assert "model.safetensors is cut off" in refusal(folder)


def test_an_index_names_files_of_the_folder_only(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "../other.safetensors", "c": "gone.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    said = refusal(folder)
    assert "'../other.safetensors', which is no safetensors file of this folder" in said
    assert "'gone.safetensors'" in said
    assert "'model.safetensors'" not in said


def test_all_faults_come_in_one_message(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "model.safetensors").unlink()
    (folder / "x.bin").write_bytes(b"")
    (folder / "broken.json").write_text("{")
    said = refusal(folder)
    for part in ("x.bin may hold", "broken.json is no readable JSON", "neither config.json", "no .safetensors weights"):
        assert part in said


def test_deep_json_is_a_refusal_and_no_crash(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 200_000)
    assert "config.json is no readable JSON" in refusal(folder)


def test_no_folder(tmp_path: Path) -> None:
    assert "no such model folder" in refusal(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    assert "no such model folder" in refusal(tmp_path / "file")


def test_the_fingerprint_follows_weights_and_configuration(folder: Path) -> None:
    first = fingerprint(check_model_folder(folder))
    (folder / "README.md").write_text("another card")
    assert fingerprint(check_model_folder(folder)) == first
    safetensors(folder / "model.safetensors", fill=1)
    second = fingerprint(check_model_folder(folder))
    (folder / "config.json").write_text('{"model_type": "mistral"}')
    assert len({first, second, fingerprint(check_model_folder(folder))}) == 3
