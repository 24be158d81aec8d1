"""Models that answer requests."""

from viseon.deployments.engine import Stage, Wanted, Watch
from viseon.deployments.gate import Outcome, Ticket
from viseon.deployments.pool import Pool
from viseon.deployments.server import ModelServer, PredictOptions, Ready, key_of, watched
from viseon.deployments.service import Deployments
from viseon.deployments.warming import Warmer

__all__ = [
    "Deployments",
    "ModelServer",
    "Outcome",
    "Pool",
    "PredictOptions",
    "Ready",
    "Stage",
    "Ticket",
    "Wanted",
    "Warmer",
    "Watch",
    "key_of",
    "watched",
]
