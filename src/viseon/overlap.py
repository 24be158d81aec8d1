"""Doing the same to many things, several at once where that helps."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from time import perf_counter, thread_time
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

BATCH = 1000
PROBE = 32
"""How many of a batch are done one by one, to see what they cost."""
WAITS = 3.0
"""Times the work takes by the clock what it takes of the processor: it waits for something."""
SHORT_S = 0.0005
"""Shorter pieces of Python work only get into each other's way: handing them over costs more."""
LONG_S = 0.002
"""Pieces that keep a processor busy for so long are hashing or decoding, outside Python's lock."""


def cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS does not say
        return os.cpu_count() or 1


def overlapped(function: Callable[[A], B], items: Iterable[A], *, threads: int) -> Iterator[B]:
    """`function` of each item, in the order given.

    Small files that lie in memory are quickest one by one; files on a slow disk or far away, and
    large ones, are not. So each batch begins one by one, and goes on in threads if what was seen
    either waited or was long. The first error ends it.
    """
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        wall = cpu = 0.0
        seen = min(PROBE, len(batch))
        for item in batch[:seen]:
            begun, worked = perf_counter(), thread_time()
            result = function(item)
            wall += perf_counter() - begun
            cpu += thread_time() - worked
            yield result
        if pays(wall / seen, cpu / seen):
            with ThreadPoolExecutor(threads) as pool:
                yield from pool.map(function, batch[seen:])
        else:
            yield from map(function, batch[seen:])


def pays(wall: float, cpu: float) -> bool:
    """Whether threads help pieces of work that take so many seconds each."""
    return cpu > LONG_S or (wall > SHORT_S and wall > WAITS * cpu)
