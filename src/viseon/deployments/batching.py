"""Dynamic batching: who runs together, who waits, who is refused. A pure plan and a thread."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from viseon.schema import Busy, Failed

T = TypeVar("T")
R = TypeVar("R")

_SMOOTHING = 0.2
_FORGETTING = 0.8


@dataclass(frozen=True, slots=True)
class Policy:
    """What the caller allows."""

    max_batch: int = 8
    max_wait_s: float = 0.002
    capacity: int = 256


@dataclass(frozen=True, slots=True)
class Waiting:
    """One item in the queue, by its times."""

    arrived: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now: `expire` items at these places, then run the first `take`, or wait."""

    expire: tuple[int, ...]
    take: int
    until: float | None = None
    """When to look again if nothing is taken; None means when something arrives."""


def plan(
    queue: Sequence[Waiting], now: float, policy: Policy, *, run_s: float = 0.0, hurry: bool = False
) -> Plan:
    """Full batches run at once; a partial one when its first item has waited long enough.

    Items that would be late even if they ran now (a run takes `run_s`) are expired. `hurry` stops
    waiting for company.
    """
    expire = tuple(i for i, item in enumerate(queue) if now + run_s > item.deadline)
    left = [item for i, item in enumerate(queue) if i not in set(expire)]
    if not left:
        return Plan(expire, 0)
    ripe = left[0].arrived + policy.max_wait_s
    if len(left) >= policy.max_batch or hurry or now >= ripe:
        return Plan(expire, min(len(left), policy.max_batch))
    soonest = min(item.deadline - run_s for item in left)
    return Plan(expire, 0, min(ripe, max(soonest, now)))


@dataclass(frozen=True, slots=True)
class Ran(Generic[R]):
    """An item's result, and what it cost."""

    result: R
    queue_s: float
    run_s: float
    batch: int
    began: float
    """When its run began, by the batcher's clock."""


def leaving() -> Busy:
    """What those are told whose turn will not come any more in this process."""
    return Busy("the server is leaving", fix="send the request again")


class Batcher(Generic[T, R]):
    """Runs items together in threads of its own. `submit` never blocks: it accepts or says why
    not.
    """

    def __init__(
        self,
        run: Callable[[list[T]], Sequence[R]],
        policy: Policy,
        *,
        runs: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`runs` of them at the same time; `run` has to be safe in as many threads."""
        self._run = run
        self._policy = policy
        self._clock = clock
        self._queue: deque[tuple[Waiting, T, Future[Ran[R]]]] = deque()
        self._changed = threading.Condition()
        self._state: Literal["open", "draining", "leaving"] = "open"
        self._over_at: list[float | None] = [None] * runs
        """When each run will be over, as far as is known; None where there is none."""
        self._run_s = 0.0
        self._threads = [
            threading.Thread(target=self._work, args=(i,), name=f"viseon-batch-{i}", daemon=True)
            for i in range(runs)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Items that have not begun."""
        return len(self._queue)

    @property
    def run_s(self) -> float:
        """How long a run takes, from how long they took; 0 before the first."""
        return self._run_s

    def submit(self, items: Sequence[T], *, deadline: float) -> list[Future[Ran[R]]]:
        """All of a request's items, or none. Raises Busy with the reason."""
        with self._changed:
            now = self._clock()
            self._admit(len(items), now, deadline)
            futures: list[Future[Ran[R]]] = []
            for item in items:
                future: Future[Ran[R]] = Future()
                self._queue.append((Waiting(now, deadline), item, future))
                futures.append(future)
            self._changed.notify()
        return futures

    def expected_wait_s(self, more: int = 1) -> float:
        """When the last of `more` new items would be done, from how long runs have taken.

        With 0, when all that wait now would be.
        """
        batches = -(-(len(self._queue) + more) // self._policy.max_batch)
        rounds = -(-batches // len(self._threads))
        now = self._clock()
        first = min((now if at is None else max(at, now)) for at in self._over_at)
        return first - now + rounds * self._run_s

    def drain(self, *, timeout_s: float | None = None) -> None:
        """Accept nothing more, finish what was accepted, end the threads."""
        with self._changed:
            if self._state == "open":
                self._state = "draining"
            self._changed.notify_all()
        for thread in self._threads:
            if threading.current_thread() is not thread:
                thread.join(timeout_s)

    def leave(self) -> None:
        """Accept nothing more and refuse what waits; what runs is finished. Waits for nothing."""
        with self._changed:
            self._state = "leaving"
            while self._queue:
                self._queue.popleft()[2].set_exception(leaving())
            self._changed.notify_all()

    def _admit(self, count: int, now: float, deadline: float) -> None:
        if self._state == "leaving":
            raise leaving()
        if self._state != "open":
            raise Busy("this model is being unloaded", fix="send the request again")
        if len(self._queue) + count > self._policy.capacity:
            raise Busy(
                f"{len(self._queue)} pictures wait already and {self._policy.capacity} may",
                fix="send fewer at once, or raise the deployment's queue",
                after_s=self.expected_wait_s(0),
            )
        expected = self.expected_wait_s(count)
        # Idle, it may always try: an estimate that no run corrects would refuse for ever.
        if (
            self._queue or any(at is not None for at in self._over_at)
        ) and now + expected > deadline:
            raise Busy(
                f"an answer would take about {expected * 1000:.0f} ms, the deadline is in "
                f"{max(deadline - now, 0) * 1000:.0f} ms",
                fix="try again later, or raise timeout_ms",
                after_s=self.expected_wait_s(0),
            )

    def _work(self, place: int) -> None:
        # An executor, because it hands over whatever the run raises to those who asked.
        with ThreadPoolExecutor(1, thread_name_prefix=f"viseon-run-{place}") as model:
            while (batch := self._next(place)) is not None:
                started = self._clock()
                try:
                    job = model.submit(self._results, [item for _, item, _ in batch])
                except RuntimeError:  # the interpreter ends, and with it all executors
                    for _, _, future in batch:
                        future.set_exception(leaving())
                    self.leave()
                    continue
                error = job.exception()
                if error is not None:
                    for _, _, future in batch:
                        future.set_exception(error)
                    continue
                took = self._clock() - started
                self._learn(took)
                for (waited, _, future), result in zip(batch, job.result(), strict=True):
                    future.set_result(
                        Ran(result, started - waited.arrived, took, len(batch), started)
                    )

    def _results(self, items: list[T]) -> Sequence[R]:
        results = self._run(items)
        if len(results) != len(items):
            raise Failed(f"the model gave {len(results)} answers to {len(items)} questions")
        return results

    def _learn(self, took: float) -> None:
        known = self._run_s
        self._run_s = took if known == 0 else known + _SMOOTHING * (took - known)

    def _next(self, place: int) -> list[tuple[Waiting, T, Future[Ran[R]]]] | None:
        """The next batch; None when drained."""
        with self._changed:
            while True:
                self._over_at[place] = None
                now = self._clock()
                queue = [waiting for waiting, _, _ in self._queue]
                hurry = self._state != "open"
                step = plan(queue, now, self._policy, run_s=self._run_s, hurry=hurry)
                self._expire(step.expire, now)
                if step.take:
                    self._over_at[place] = now + self._run_s
                    return [self._queue.popleft() for _ in range(step.take)]
                if hurry:
                    return None
                self._changed.wait(None if step.until is None else max(step.until - now, 0.0))

    def _expire(self, places: tuple[int, ...], now: float) -> None:
        late = [self._queue[i] for i in places]
        if any(now <= entry[0].deadline for entry in late):
            self._run_s *= _FORGETTING  # only the estimate was against them; it may be out of date
        for entry in late:
            self._queue.remove(entry)
            waited = (now - entry[0].arrived) * 1000
            entry[2].set_exception(
                Busy(
                    f"its turn did not come before the deadline: it waited {waited:.0f} ms",
                    fix="try again later, or raise timeout_ms",
                    after_s=self.expected_wait_s(0),
                )
            )
