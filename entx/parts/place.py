"""A folder of parts, on this machine or on object storage: `s3://bucket/folder`, `gs://bucket/folder`.

A file appears whole or not at all: here by a temporary name and a rename, on object storage by one put of all its
bytes. pyarrow's filesystems do the work; what they need (keys, region, endpoint) they take from the environment.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.core.files import atomic_path
from entx.core.settings import refuse_offline

_REMOTE = re.compile(r"(s3|gs|gcs):/+(.*)", re.DOTALL)


def remote_address(path: Path | str) -> str | None:
    """The address on object storage that a path is, None for one of this machine; pathlib makes one slash of two."""
    found = _REMOTE.fullmatch(str(path))
    return f"{found[1]}://{found[2]}" if found else None


@contextmanager
def _told(path: Path | str) -> Iterator[None]:
    """An error of a filesystem as one line that names the path."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: an address that is none
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or str(error).splitlines()[0]}") from None


@dataclass(frozen=True, slots=True)
class Place:
    """A folder; names of files in it are relative, with slashes. Raises InputError where it cannot be reached."""

    path: Path  # as it was given

    def names(self, folder: str) -> set[str]:
        """Names of the files in a folder of it, without their endings; none where there is no such folder."""
        from pyarrow.fs import FileSelector

        with _told(self.path):
            files, base = self._filesystem()
            found = files.get_file_info(FileSelector(f"{base}/{folder}", allow_not_found=True))
        return {one.base_name.removesuffix(".parquet") for one in found if one.base_name.endswith(".parquet")}

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        with _told(self.path):
            files, base = self._filesystem()
            return bool(files.get_file_info(f"{base}/{name}").is_file)

    def open(self, name: str) -> Any:
        """A file to read in, at any place of it."""
        with _told(self.path / name):
            files, base = self._filesystem()
            return files.open_input_file(f"{base}/{name}" if name else base)

    def put(self, file: Path, name: str) -> None:
        """Writes a copy of a local file under that name, at once."""
        if remote_address(self.path) is None:
            with atomic_path(self.path / name) as part:
                shutil.copyfile(file, part)
            return
        data = file.read_bytes()  # all of it first: what is half written would appear when the stream is closed
        with _told(self.path / name):
            files, base = self._filesystem()
            with files.open_output_stream(f"{base}/{name}") as stream:
                stream.write(data)

    @contextmanager
    def here(self, *folders: str) -> Iterator[Path]:
        """The folder on this machine: itself, or a temporary copy of these folders of it."""
        if remote_address(self.path) is None:
            yield self.path
            return
        import tempfile

        from pyarrow.fs import LocalFileSystem, copy_files

        with tempfile.TemporaryDirectory(prefix="entx-") as scratch:
            with _told(self.path):
                files, base = self._filesystem()
                for folder in folders:
                    Path(scratch, folder).mkdir()
                    copy_files(f"{base}/{folder}", f"{scratch}/{folder}", files, LocalFileSystem())
            yield Path(scratch)

    def _filesystem(self) -> tuple[Any, str]:
        from pyarrow.fs import FileSystem, LocalFileSystem

        address = remote_address(self.path)
        if address is None:
            return LocalFileSystem(), str(self.path)
        refuse_offline(address)
        files, base = FileSystem.from_uri(address)
        return files, base.rstrip("/")
