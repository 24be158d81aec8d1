"""The first question of a request: can it be answered in time? Asked before any work is done."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal

from viseon.schema import Busy

Outcome = Literal["answered", "late", "failed"]

_SMOOTHING = 0.1
_ENOUGH = 8
_OUTLIER = 4.0
_MOST_CAUTION = 4.0
_WARIER = 1.1
_CALMER = 0.995


@dataclass(slots=True)
class Ticket:
    """One request: when it came, and from when on its answer is worth nothing."""

    started: float
    timeout_ms: float | None = None
    """What the caller asked for; None means what the deployment usually allows."""
    deadline: float = inf
    """Known as soon as the deployment is."""
    key: str = ""
    """The deployment's name in this process, once it is known."""
    held_bytes: int = 0
    """What its body takes."""
    gate: "Gate | None" = None
    """The one it has entered and has to leave."""

    def until(self, usual_ms: float) -> float:
        """Its deadline, from now on."""
        self.deadline = self.started + (self.timeout_ms or usual_ms) / 1000
        return self.deadline

    def check(self, now: float) -> None:
        """Raises Busy when it is too late for an answer."""
        if now > self.deadline:
            took = (now - self.started) * 1000
            raise Busy(
                f"its deadline is over: {took:.0f} ms have passed since it came",
                fix="try again later, or raise timeout_ms",
                after_s=self.gate.emptied_s() if self.gate else 0.0,
            )


class Gate:
    """Counts the requests inside and how fast they come out.

    By Little's law one more would come out after (inside + 1) times the mean time between two of
    them. That is a mean, and half of all waits are longer: whenever a request that was let in
    turns out to be late the gate grows warier, and calmer again with every one that is not.
    While nobody is inside everybody may enter: an estimate that nothing can correct any more
    would keep the door shut for ever.
    """

    def __init__(self, *, clock: Callable[[], float], most: int = 256) -> None:
        """At most `most` may be inside, however patient they are: each holds memory."""
        self._clock = clock
        self._lock = threading.Lock()
        self._inside = 0
        self._pace_s = 0.0
        self._answers = 0
        self._last_out = 0.0
        self._caution = 1.0
        self.most = most
        self.usual_ms = inf

    @property
    def inside(self) -> int:
        """Requests that have entered and not left."""
        return self._inside

    @property
    def caution(self) -> float:
        """By how much waits are taken for longer than they are on average."""
        return self._caution

    def expected_s(self) -> float:
        """When a request that enters now would leave; 0 while too little is known."""
        if not self._inside or self._answers < _ENOUGH:
            return 0.0
        return (self._inside + 1) * self._pace_s * self._caution

    def emptied_s(self) -> float:
        """When those inside now should have left; 0 while too little is known."""
        return self._inside * self._pace_s if self._answers >= _ENOUGH else 0.0

    def enter(self, deadline: float) -> None:
        """Come in; `leave` has to follow. Raises Busy at once where the answer would be late."""
        with self._lock:
            now, expected = self._clock(), self.expected_s()
            if self._inside >= self.most:
                raise Busy(
                    f"{self._inside} requests are being answered and {self.most} may",
                    fix="try again later, or raise the deployment's queue",
                    after_s=self.emptied_s(),
                )
            if now > deadline or now + expected > deadline:
                raise Busy(
                    f"{self._inside} requests are being answered, one more would take about "
                    f"{expected * 1000:.0f} ms and has {max(deadline - now, 0) * 1000:.0f} ms",
                    fix="try again later, or raise timeout_ms",
                    after_s=self.emptied_s(),
                )
            if not self._inside:
                self._last_out = now
            self._inside += 1

    def leave(self, outcome: Outcome) -> None:
        """Go out; only answers tell how fast answers are."""
        with self._lock:
            self._inside -= 1
            if outcome == "late":
                self._caution = min(self._caution * _WARIER, _MOST_CAUTION)
            elif outcome == "answered":
                self._learn(self._clock())
                self._caution = max(self._caution * _CALMER, 1.0)

    def _learn(self, now: float) -> None:
        """A mean at first, then an average that forgets; one answer that hung says little."""
        took, self._last_out = now - self._last_out, now
        self._answers += 1
        if self._answers > _ENOUGH:
            took = min(took, self._pace_s * _OUTLIER)
        self._pace_s += max(1 / self._answers, _SMOOTHING) * (took - self._pace_s)
