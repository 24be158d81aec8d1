"""Launcher without processes: the job runs at once, in the caller's thread."""

from collections.abc import Callable

from viseon.schema import Job, Scope


class InlineLauncher:
    """For tests and for machines where nothing may be started."""

    def __init__(self, run: Callable[[Job, Scope], None]) -> None:
        self._run = run

    def start(self, job: Job, scope: Scope) -> int | None:
        self._run(job, scope)
        return None

    def cancel(self, job: Job) -> None:
        """Nothing runs by the time anybody can ask."""

    def alive(self, job: Job) -> bool:  # noqa: ARG002 (the port's signature)
        return False
