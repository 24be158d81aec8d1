"""Threads for predictions alone, so that they and everybody else do not wait for each other."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import Request

R = TypeVar("R")

_THREADS = 128
"""Twice the largest batch: one is collected while another runs. They mostly wait."""


async def lane(request: Request, work: Callable[..., R], *arguments: object) -> R:
    """Run it in one of them."""
    state = request.app.state
    if not hasattr(state, "lane"):
        state.lane = CapacityLimiter(_THREADS)
    return await anyio.to_thread.run_sync(partial(work, *arguments), limiter=state.lane)
