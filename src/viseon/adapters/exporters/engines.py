"""Formats of other engines, made by their own tools where those are installed."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field

from viseon.plugins import Plugin
from viseon.ports.exporter import Inputs
from viseon.schema import Failed, Noun, Unavailable

_LONGEST_S = 3600


class OpenVinoConfig(Noun, use_attribute_docstrings=True):
    """OpenVINO's intermediate representation."""

    half: bool = False
    """Store the weights as float16: half the file, slightly different scores."""


class OpenVinoExporter:
    """An archive of `model.xml` and `model.bin`."""

    suffix = ".zip"

    def __init__(self, config: OpenVinoConfig) -> None:
        self._config = config

    def missing(self) -> str:
        return "" if find_spec("openvino") else "the package openvino"

    def export(self, onnx: Path, workdir: Path, pictures: Iterable[Inputs]) -> Path:  # noqa: ARG002
        if absent := self.missing():
            raise Unavailable(f"OpenVINO IR needs {absent}", fix="pip install 'viseon[openvino]'")
        import openvino

        folder = workdir / "ir"
        folder.mkdir(exist_ok=True)
        try:
            model = openvino.convert_model(str(onnx))
            openvino.save_model(model, str(folder / "model.xml"), self._config.half)
        except RuntimeError as error:
            raise Failed(f"OpenVINO could not convert it: {error}") from error
        return Path(shutil.make_archive(str(workdir / f"{onnx.stem}-openvino"), "zip", folder))


class TensorRtConfig(Noun, use_attribute_docstrings=True):
    """An engine for the GPU of this machine."""

    half: bool = True
    """Allow float16 where it is faster."""
    workspace_mb: int = Field(default=2048, ge=16)
    """GPU memory that building the engine may take for scratch."""


class TensorRtExporter:
    """`trtexec`, which comes with TensorRT."""

    suffix = ".engine"

    def __init__(self, config: TensorRtConfig) -> None:
        self._config = config

    def missing(self) -> str:
        return "" if shutil.which("trtexec") else "the program trtexec (NVIDIA TensorRT)"

    def export(self, onnx: Path, workdir: Path, pictures: Iterable[Inputs]) -> Path:  # noqa: ARG002
        target = workdir / f"{onnx.stem}.engine"
        command = [f"--onnx={onnx}", f"--saveEngine={target}"]
        command += [f"--memPoolSize=workspace:{self._config.workspace_mb}"]
        command += ["--fp16"] if self._config.half else []
        return _made_by("trtexec", self.missing(), command, target)


class TfLiteConfig(Noun):
    """TensorFlow Lite (LiteRT)."""


class TfLiteExporter:
    """`onnx2tf`, which writes `<name>_float32.tflite`."""

    suffix = ".tflite"

    def __init__(self, config: TfLiteConfig) -> None:
        self._config = config

    def missing(self) -> str:
        return "" if shutil.which("onnx2tf") else "the program onnx2tf"

    def export(self, onnx: Path, workdir: Path, pictures: Iterable[Inputs]) -> Path:  # noqa: ARG002
        target = workdir / f"{onnx.stem}_float32.tflite"
        command = ["-i", str(onnx), "-o", str(workdir)]
        return _made_by("onnx2tf", self.missing(), command, target)


class CoreMlConfig(Noun):
    """Apple's CoreML."""


class CoreMlExporter:
    """Through PyTorch: `onnx2torch` reads the graph, `coremltools` writes the package."""

    suffix = ".zip"

    def __init__(self, config: CoreMlConfig) -> None:
        self._config = config

    def missing(self) -> str:
        absent = [name for name in ("torch", "onnx2torch", "coremltools") if not find_spec(name)]
        return f"the packages {', '.join(absent)}" if absent else ""

    def export(self, onnx: Path, workdir: Path, pictures: Iterable[Inputs]) -> Path:
        if absent := self.missing():
            raise Unavailable(f"CoreML needs {absent}", fix="pip install them")
        import coremltools
        import onnx2torch
        import torch

        trace: Any = torch.jit.trace
        example: Any = next(iter(pictures), None)
        if example is None:
            raise Unavailable("CoreML needs one picture to trace the graph", fix="pass data=")
        tensors = [torch.from_numpy(array) for array in example.values()]
        traced = trace(onnx2torch.convert(str(onnx)).eval(), tensors)
        shapes = [coremltools.TensorType(shape=tensor.shape) for tensor in tensors]
        folder = workdir / f"{onnx.stem}.mlpackage"
        coremltools.convert(traced, inputs=shapes).save(str(folder))
        return Path(shutil.make_archive(str(workdir / f"{onnx.stem}-coreml"), "zip", folder))


def _made_by(program: str, absent: str, arguments: Sequence[str], target: Path) -> Path:
    """Run a tool and return what it made. Raises Unavailable, Failed."""
    if absent:
        raise Unavailable(f"this export needs {absent}", fix="install it and put it on the PATH")
    found = shutil.which(program) or program
    try:
        done = subprocess.run(  # noqa: S603  # our own arguments
            [found, *arguments], capture_output=True, text=True, timeout=_LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{program} did not end within {_LONGEST_S} s") from error
    if done.returncode != 0 or not target.is_file():
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Failed(f"{program} ended with {done.returncode}: {' '.join(last)[:400]}")
    return target


openvino_ir = Plugin("exporter", "openvino", OpenVinoConfig, OpenVinoExporter)
tensorrt = Plugin("exporter", "tensorrt", TensorRtConfig, TensorRtExporter)
tflite = Plugin("exporter", "tflite", TfLiteConfig, TfLiteExporter)
coreml = Plugin("exporter", "coreml", CoreMlConfig, CoreMlExporter)
