"""What this process may use of the machine, cores and memory, and how it shows that memory has run out.

Three things bound memory: what other programs leave of the machine's, the control group (a container, a service) and
the limit on addresses that a shell sets (`ulimit -v`). The first two are shared with the worker processes; of addresses
each process has its own.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from entx.core.errors import EntxError

LEAST = 1_500_000_000
"""Bytes for one process that reads pictures or runs the text model, and its parent."""

LEAST_ADDRESSES = 2_000_000_000
"""The libraries take more addresses than memory: with 1.5 GB of them the engine loads, and then fails on pictures."""

_GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # version 2, version 1
_REMEDY = "close other programs, raise the limit (ulimit -v, or the container's), or use fewer --workers"
# As the loader of libraries, numpy, torch, DuckDB and threads say it, by other errors than MemoryError.
_SAID = re.compile(
    r"failed to map segment|can(no|')t allocate|can't start new thread|out of memory|bad.?alloc", re.IGNORECASE
)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory() -> int:
    """Bytes that this process and those that it starts may use together."""
    import psutil

    bounds: list[int] = [psutil.virtual_memory().available]
    for path in map(Path, _GROUP_LIMITS):  # as a container sees them: its own group is the root
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            bounds.append(int(text))
    return min(bounds)


def require_memory() -> None:
    """Called before anything heavy is loaded. Raises EntxError where there is not enough memory to load it."""
    if (memory := available_memory()) < LEAST:
        raise EntxError(f"not enough memory: {memory / 1e9:.1f} of the {LEAST / 1e9:g} GB needed; {_REMEDY}")
    if sys.platform != "win32":
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESSES:
            least = f"{LEAST_ADDRESSES / 1e9:g} GB of addresses needed"
            raise EntxError(f"not enough memory: {limit / 1e9:.1f} of the {least}; {_REMEDY}")


def memory_error(error: BaseException | None) -> EntxError | None:
    """What to show for an error that memory's end has caused, at any depth of its causes; None for another one."""
    while error is not None:
        if isinstance(error, MemoryError) or _SAID.search(str(error)):
            return EntxError(f"not enough memory for this; {_REMEDY}")
        error = error.__cause__ or error.__context__
    return None
