"""The machine, as jobs see it."""

from typing import Protocol

from viseon.schema import Job, Resources, Scope


class Probe(Protocol):
    """Measures the host. Adapters: psutil, or fixed numbers in tests."""

    def total(self) -> Resources:
        """What the machine has."""
        ...

    def free(self) -> Resources:
        """What nobody uses right now, ours or not."""
        ...


class Launcher(Protocol):
    """Runs jobs. Adapters: processes, or inline."""

    def start(self, job: Job, scope: Scope) -> int | None:
        """Returns at once with the process id, if there is one; the job reports its own end."""
        ...

    def cancel(self, job: Job) -> None:
        """Ask, wait, then insist. Safe to repeat."""
        ...

    def alive(self, job: Job) -> bool:
        """Whether its process still runs."""
        ...
