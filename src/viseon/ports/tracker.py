"""Following objects from frame to frame."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseon.vision import Detections, Tracks


class Tracker(Protocol):
    """Gives the detections of one stream an identity. Holds no state outside itself."""

    def update(
        self,
        detections: Detections,
        frame: NDArray[np.uint8] | None = None,
        *,
        time_s: float | None = None,
    ) -> Tracks:
        """The confirmed tracks of the next frame. Ids never repeat within a tracker."""
        ...

    def reset(self) -> None:
        """Forget every track; the next ids are still new ones."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything needed to go on later, as plain JSON values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        ...
