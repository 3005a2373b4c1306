"""Checkpoints count only when they are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from entx.neural.training.trainer import MANIFEST, is_whole, keep_only, last_whole, seal, step_of


def checkpoint(folder: Path, step: int, *, sealed: bool = True) -> Path:
    path = folder / f"checkpoint-{step}"
    (path / "deep").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"12345")
    (path / "deep" / "state.json").write_bytes(b"{}")
    if sealed:
        seal(path)
    return path


def test_a_sealed_checkpoint_is_whole(tmp_path: Path) -> None:
    assert is_whole(checkpoint(tmp_path, 5))


def test_an_unsealed_one_is_not(tmp_path: Path) -> None:
    assert not is_whole(checkpoint(tmp_path, 5, sealed=False))


@pytest.mark.parametrize("name", ["model.safetensors", "deep/state.json"])
@pytest.mark.parametrize("content", [None, b"1"])
def test_a_lost_or_cut_file_breaks_it(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = checkpoint(tmp_path, 5)
    if content is None:
        (path / name).unlink()
    else:
        (path / name).write_bytes(content)
    assert not is_whole(path)


@pytest.mark.parametrize("manifest", [b"", b"{", b'["a"]'])
def test_a_broken_manifest_breaks_it(tmp_path: Path, manifest: bytes) -> None:
    path = checkpoint(tmp_path, 5)
    (path / MANIFEST).write_bytes(manifest)
    assert not is_whole(path)


def test_the_last_whole_one_counts_by_number_and_broken_ones_go(tmp_path: Path) -> None:
    checkpoint(tmp_path, 9)
    checkpoint(tmp_path, 10)
    checkpoint(tmp_path, 100, sealed=False)
    (tmp_path / "checkpoint-x").mkdir()
    assert last_whole(tmp_path) == tmp_path / "checkpoint-10"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-9", "checkpoint-x"]


def test_without_checkpoints_there_is_none(tmp_path: Path) -> None:
    assert last_whole(tmp_path) is None
    assert last_whole(tmp_path / "gone") is None
    assert (step_of(None), step_of(tmp_path / "checkpoint-120")) == (0, 120)


def test_only_the_named_steps_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15, 20):
        checkpoint(tmp_path, step)
    keep_only(tmp_path, {10, 20})
    assert sorted(one.name for one in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-20"]
