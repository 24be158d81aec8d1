"""Threads for predictions alone, so that they and everybody else do not wait for each other."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import FastAPI

R = TypeVar("R")

_THREADS = 128
"""Twice the largest batch: one is collected while another runs. They mostly wait."""


async def lane(app: FastAPI, work: Callable[..., R], *arguments: object) -> R:
    """Run it in one of them."""
    if not hasattr(app.state, "lane"):
        app.state.lane = CapacityLimiter(_THREADS)
    return await anyio.to_thread.run_sync(partial(work, *arguments), limiter=app.state.lane)
