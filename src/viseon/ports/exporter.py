"""Making another file out of an ONNX file: smaller, faster, or for another engine."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

Inputs = Mapping[str, NDArray[Any]]
"""What the graph takes for one picture, by input name."""


class Exporter(Protocol):
    """One target format or precision."""

    @property
    def suffix(self) -> str:
        """How its files end; `.onnx` means that the result is a model like its origin."""
        ...

    def missing(self) -> str:
        """The tool that has to be installed first; empty if nothing is."""
        ...

    def export(self, onnx: Path, workdir: Path, pictures: Iterable[Inputs]) -> Path:
        """The new file, inside `workdir`; `pictures` are typical inputs, for calibration.

        Raises Unavailable where a tool is missing, Failed where it gave up.
        """
        ...
