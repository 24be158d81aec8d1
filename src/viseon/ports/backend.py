"""Running an ONNX file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output as the file declares it; unknown sizes are None."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    """As NumPy calls it: `float32`, `float16`, `uint8`, `int64`, ..."""


class Backend(Protocol):
    """One model on one device. Callers take turns: `run` need not be safe in two threads."""

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

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The raw outputs by name. Raises Invalid where inputs do not fit, Failed otherwise."""
        ...

    def close(self) -> None:
        """Free the device memory."""
        ...


@runtime_checkable
class SharedBackend(Backend, Protocol):
    """One whose `run` may be called from several threads at once."""

    @property
    def callers(self) -> int:
        """How many of them get more done than one."""
        ...
