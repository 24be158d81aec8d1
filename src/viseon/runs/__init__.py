"""Runs: learning from versions, and measuring what was learned."""

from viseon.runs.service import Runs

__all__ = ["Runs"]
