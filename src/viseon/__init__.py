"""viseon: from camera to dataset to model to event, and back.

`import viseon as vs` is a table of contents: names load what they need when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "open": "viseon.app",
    "connect": "viseon.client",
    "load": "viseon.app",
    "Project": "viseon.facades",
    "Annotate": "viseon.facades",
    "Train": "viseon.facades",
    "Deploy": "viseon.facades",
    "draw": "viseon.draw",
    "metrics": "viseon.vision.metrics",
    "Detections": "viseon.vision",
    "Tracks": "viseon.vision",
    "ByteTrack": "viseon.vision",
    "BoTSORT": "viseon.vision",
    "DeepSORT": "viseon.vision",
    "Heatmap": "viseon.vision",
    "Homography": "viseon.vision",
    "OCSORT": "viseon.vision",
    "SORT": "viseon.vision",
    "Smoother": "viseon.vision",
    "Speedometer": "viseon.vision",
    "Tiler": "viseon.vision",
    "Line": "viseon.vision",
    "Crossing": "viseon.vision",
    "Zone": "viseon.vision",
    "ViseonError": "viseon.schema",
}
_MODULES = {"draw", "metrics"}

__all__ = ["__version__", *_WHERE]  # noqa: PLE0604 (names of strings, checked by a test)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'viseon' has no attribute {name!r}")
    module = import_module(_WHERE[name])
    return module if name in _MODULES else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from viseon import draw as draw
    from viseon.app import load as load
    from viseon.app import open as open
    from viseon.client import connect as connect
    from viseon.facades import Annotate as Annotate
    from viseon.facades import Deploy as Deploy
    from viseon.facades import Project as Project
    from viseon.facades import Train as Train
    from viseon.schema import ViseonError as ViseonError
    from viseon.vision import OCSORT as OCSORT
    from viseon.vision import SORT as SORT
    from viseon.vision import BoTSORT as BoTSORT
    from viseon.vision import ByteTrack as ByteTrack
    from viseon.vision import Crossing as Crossing
    from viseon.vision import DeepSORT as DeepSORT
    from viseon.vision import Detections as Detections
    from viseon.vision import Heatmap as Heatmap
    from viseon.vision import Homography as Homography
    from viseon.vision import Line as Line
    from viseon.vision import Smoother as Smoother
    from viseon.vision import Speedometer as Speedometer
    from viseon.vision import Tiler as Tiler
    from viseon.vision import Tracks as Tracks
    from viseon.vision import Zone as Zone
    from viseon.vision import metrics as metrics
