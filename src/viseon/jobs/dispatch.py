"""Starting what may start, and noticing what died."""

import threading
from collections.abc import Callable

from viseon.jobs.governor import admit, in_order, room_left
from viseon.jobs.records import LEASE, change, ended, unfinished
from viseon.ports import Catalog, Launcher, Probe
from viseon.schema import Clock, Job, JobState, Scope


class Dispatcher:
    """One look at one workspace's jobs. Any number of processes may look at once."""

    def __init__(
        self,
        catalog: Catalog,
        scope: Scope,
        launcher: Launcher,
        probe: Probe,
        now: Clock,
        lost: Callable[[Job], None] = lambda _: None,
    ) -> None:
        self._catalog, self._scope = catalog, scope
        self._launcher, self._probe = launcher, probe
        self._now, self._lost = now, lost

    def tick(self) -> None:
        """Reap the dead, then admit the oldest that fit and launch them."""
        jobs = unfinished(self._catalog)
        running = [j for j in jobs if j.state is JobState.RUNNING and not self._reaped(j)]
        queued = [j for j in jobs if j.state is JobState.QUEUED]
        if not queued:
            return
        host = self._probe.total()
        for job in admit(queued, running, host):
            self._launch(job)
        self._explain(queued, running)

    def forget(self, job: Job) -> None:
        """Tell whoever the job worked for that it will not come back."""
        self._lost(job)

    def _launch(self, job: Job) -> None:
        mine = False

        def claim(current: Job) -> Job | None:
            nonlocal mine
            if current.state is not JobState.QUEUED:
                return None
            mine = True
            update = {
                "state": JobState.RUNNING,
                "started": self._now(),
                "attempt": current.attempt + 1,
                "lease_until": self._now() + LEASE,
                "position": None,
                "reason": "",
            }
            return current.model_copy(update=update)

        claimed = change(self._catalog, job.id, claim)
        if mine:
            pid = self._launcher.start(claimed, self._scope)
            change(self._catalog, job.id, lambda j: _with_pid(j, pid))

    def _reaped(self, job: Job) -> bool:
        lapsed = job.lease_until is None or job.lease_until < self._now()
        if self._launcher.alive(job) or (job.pid is None and not lapsed):
            return False
        reason = "its process ended without a word: killed, out of memory, or a power cut"
        _, mine = ended(self._catalog, self._now, job.id, JobState.FAILED, reason=reason)
        if mine:
            self._lost(job)
        return True

    def _explain(self, queued: list[Job], running: list[Job]) -> None:
        """Write into each job that stays queued what it waits for."""
        room = room_left(running, self._probe.total())
        for job in in_order(queued):
            waits = "; ".join(job.needs.lacking(room)) or "those before it"
            text = f"waits for {waits}"

            def note(current: Job, text: str = text) -> Job | None:
                same = current.state is not JobState.QUEUED or current.reason == text
                return None if same else current.model_copy(update={"reason": text})

            change(self._catalog, job.id, note)


class Heart(threading.Thread):
    """Calls `beat` every so often until stopped."""

    def __init__(self, beat: Callable[[], None], *, every_s: float) -> None:
        super().__init__(daemon=True, name="heart")
        self._beat, self._every_s = beat, every_s
        self._stopped = threading.Event()

    def run(self) -> None:
        """Beat until stopped."""
        while not self._stopped.wait(self._every_s):
            self._beat()

    def stop(self) -> None:
        """Stop and wait for the last beat."""
        self._stopped.set()
        if self.is_alive():
            self.join()


def _with_pid(job: Job, pid: int | None) -> Job | None:
    return None if job.state.ended or pid is None else job.model_copy(update={"pid": pid})
