"""The processes of a training: torchrun starts several, each with a GPU of its own, and they share the rows of a step.

All load the same rows and the same base. Of every optimiser step each process passes a part of the rows, and the
gradients are summed over all of them, by tokens (DistributedDataParallel). A step holds the rows that it holds in one
process: the recipe's batch x accumulation is divided among the processes. The first one writes, the others wait for it.

What torchrun says of a process stands in its environment; torch is not loaded before the processes join.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import gcd
from typing import Any, TypeVar

from entx.core.errors import EntxError, InputError
from entx.neural.training.recipe import TrainSettings

T = TypeVar("T")

_PATIENCE = timedelta(hours=2)  # for the slowest process; torchrun ends all when one dies, so nobody waits in vain


@dataclass(frozen=True, slots=True)
class Processes:
    """How many there are, and which of them this is; by default one alone."""

    count: int = 1
    rank: int = 0  # among all
    local: int = 0  # among those of this machine

    @classmethod
    def here(cls) -> Processes:
        """As torchrun says; one alone without it."""
        names = {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"}
        return cls(*(int(os.environ.get(name, default)) for name, default in names.items()))

    @property
    def writes(self) -> bool:
        """Whether it is the one that writes."""
        return self.rank == 0

    @property
    def speaks(self) -> bool:
        """Whether it is the one of its machine that says what all would say."""
        return self.local == 0

    @contextmanager
    def telling_once(self) -> Iterator[None]:
        """What is wrong for all alike is said by one a machine; the others end with the same exit code, in silence."""
        try:
            yield
        except EntxError as error:
            if self.speaks:
                raise
            raise SystemExit(int(error.exit_code)) from None

    def share(self, train: TrainSettings) -> TrainSettings:
        """The settings of one process: fewer passes a step, then fewer rows a pass.

        Raises:
            InputError: the rows of a step cannot be shared evenly.
        """
        passes = gcd(self.count, train.accumulation)
        rows = self.count // passes
        if train.batch % rows:
            raise InputError(
                f"{self.count} processes cannot share the {train.batch * train.accumulation} rows of a step evenly "
                f"(train.batch {train.batch} x train.accumulation {train.accumulation}); start as many as divide them, "
                f"or --set train.accumulation={self.count * train.accumulation // passes}, which makes larger steps"
            )
        shared = {"batch": train.batch // rows, "accumulation": train.accumulation // passes}
        return train.model_copy(update=shared)

    @contextmanager
    def joined(self) -> Iterator[Processes]:
        """The processes as one group: NCCL among GPUs, else gloo; nothing is done for one alone."""
        if self.count == 1:
            yield self
            return
        import torch

        if torch.cuda.is_available():
            torch.cuda.set_device(self.local)
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
        yield self
        torch.distributed.destroy_process_group()  # not after a fault: it would wait for the others

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process goes ahead, the others follow when it is through; its fault ends all by torchrun."""
        if not self.writes:
            self.all_of(None)
        yield
        if self.writes:
            self.all_of(None)

    def all_of(self, value: T) -> list[T]:
        """What every process gives, by rank."""
        if self.count == 1:
            return [value]
        import torch

        given: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(given, value)
        return given

    def part(self, items: Sequence[T]) -> Sequence[T]:
        """This process's stretch of what all have; the stretches by rank are the whole."""
        return items[len(items) * self.rank // self.count : len(items) * (self.rank + 1) // self.count]
