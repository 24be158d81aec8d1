"""Running an ONNX file."""

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output as the file declares it; unknown sizes are None."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class Backend(Protocol):
    """One model on one device. Not thread-safe: its caller takes turns."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the graph takes."""
        ...

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """What the graph gives."""
        ...

    @property
    def metadata(self) -> dict[str, str]:
        """What the exporter wrote into the file."""
        ...

    def run(self, batch: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The raw outputs for a batch by name; `viseon.vision.decode` turns them into Detections."""
        ...

    def close(self) -> None:
        """Free the device memory."""
        ...
