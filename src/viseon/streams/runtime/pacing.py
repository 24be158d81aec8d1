"""Showing a recording at the pace it was taken."""

import time
from collections.abc import Callable, Iterable, Iterator

from viseon.ports import Frame

_LONGEST_WAIT_S = 0.2
"""So that a stream that is asked to stop does not sleep on."""


def paced(
    frames: Iterable[Frame],
    stopped: Callable[[], bool],
    *,
    now_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Frame]:
    """Each frame no earlier than its time; a stream that cannot keep up is late but loses none."""
    began_s: float | None = None
    for frame in frames:
        began_s = now_s() - frame.time_s if began_s is None else began_s
        while (wait_s := began_s + frame.time_s - now_s()) > 0 and not stopped():
            sleep(min(wait_s, _LONGEST_WAIT_S))
        yield frame


def until(frames: Iterable[Frame], stopped: Callable[[], bool]) -> Iterator[Frame]:
    """The frames before somebody says stop."""
    for frame in frames:
        if stopped():
            return
        yield frame
