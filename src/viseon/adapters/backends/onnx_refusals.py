"""What ONNX Runtime refuses, in words that say what to do."""

import re
from pathlib import Path

import onnxruntime as ort

from viseon.schema import Invalid

_EXPORT = "export the model to ONNX; weights such as .pt or .engine cannot be read"
_PICTURE = ("a picture", "the model comes first; pictures are for predicting")
_ALIENS = {
    b"version https://git-lfs": ("a Git LFS pointer, not the file itself", "run `git lfs pull`"),
    b"<": ("a web page", "the download failed: get the file again"),
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"PK\x03\x04": ("PyTorch weights or a zip", _EXPORT),
    b"\x80\x02": ("PyTorch weights", _EXPORT),
    b"\x89HDF": ("a Keras file", "export the model to ONNX, with tf2onnx"),
}
"""How other files begin that people take for models, besides TFLite's."""

_OLD = (
    "was made for an opset that is too old, or does not say for which",
    "export it again with opset 17",
)
_FOREIGN = (
    "uses an operator that ONNX Runtime does not have",
    "export without custom operators or plugins",
)
_WORDS = (
    ("xternal data", (
        "keeps its weights in another file, which is not there",
        "save the model in one file: onnx.save(model, path, save_as_external_data=False)",
    )),
    ("No opset import for domain", _FOREIGN),
    ("not a registered function", _FOREIGN),
    ("with domain_version of [0-6]$", _OLD),
    ("No Op registered", _FOREIGN),
    ("Missing opset|Mismatched attribute type", _OLD),
    ("IR version|[Oo]pset", (
        f"is newer than ONNX Runtime {ort.__version__} understands",
        "export with a lower opset (17 is safe), or upgrade onnxruntime",
    )),
    ("", ("cannot be loaded", "check that it opens in Netron, and export it again")),
)  # fmt: skip
"""What ONNX Runtime says, what that means, and what to do; the first that fits."""


def explained(error: Exception, path: Path) -> Invalid:
    """Why a file does not load."""
    text = str(error).replace(str(path), "").replace(path.name, "")
    if "InvalidProtobuf" in type(error).__name__ or "No graph was found" in text:
        return _not_onnx(path)
    what, fix = next(told for words, told in _WORDS if re.search(words, text.strip()))
    return Invalid(f"{path.name} {what}: {short(error)}", fix=fix)


def short(error: Exception) -> str:
    """The reason without the engine's codes, its source files, and folders of this machine."""
    text = " ".join(str(error).split())
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"^Load model from .*? failed: ?", "", text)
    text = re.sub(r"(?<![\w.])/(?:[^\s\"'/]+/)+", "", text)
    text = re.sub(r"\b\w+\.(?:cc|h):\d+ (?:\w+ (?=[A-Z])|.*?\) (?=[A-Z]))", "", text)
    return text[:300]


def _not_onnx(path: Path) -> Invalid:
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        return Invalid(
            f"{path.name} is not an ONNX file: it is empty", fix="get or export it again"
        )
    if head[4:8] == b"TFL3":
        return Invalid(f"{path.name} is not an ONNX file: it is a TFLite model", fix="use tf2onnx")
    for start, (what, fix) in _ALIENS.items():
        if head.lstrip().startswith(start):
            return Invalid(f"{path.name} is not an ONNX file: it is {what}", fix=fix)
    return Invalid(
        f"{path.name} is not an ONNX file, or is cut short",
        fix=_EXPORT,
    )
