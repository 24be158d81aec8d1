"""Models that answer requests."""

from viseon.deployments.engine import Wanted
from viseon.deployments.pool import Pool
from viseon.deployments.server import ModelServer, PredictOptions, Ready
from viseon.deployments.service import Deployments

__all__ = ["Deployments", "ModelServer", "Pool", "PredictOptions", "Ready", "Wanted"]
