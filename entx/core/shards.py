"""Disjoint parts of a job for machines that do not know of each other: by the hash of the picture."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from entx.core.errors import InputError

_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts of about equal size.

    Args:
        number: from 1 on.
        of: how many parts there are.
    """

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Reads "2/4".

        Raises:
            InputError: not two whole numbers, or no such part.
        """
        found = _SHARD.fullmatch(text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise InputError(f"--shards {text}: expected PART/PARTS, for example 1/4 to 4/4")
        return cls(int(found[1]), int(found[2]))

    def holds(self, picture: str) -> bool:
        """Whether what has this name is of this part; the same on every machine and in every version."""
        digest = hashlib.blake2b(picture.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"
