"""The demo: a synthetic street with known truth, watched by a model whose whole past is shown."""

from viseon.demo.headless import Outcome, run_headless
from viseon.demo.past import Past
from viseon.demo.serving import Serving
from viseon.demo.shipped import register
from viseon.demo.training import train

__all__ = ["Outcome", "Past", "Serving", "register", "run_headless", "train"]
