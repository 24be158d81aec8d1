"""Making a variant of a model, and measuring whether it may take the original's place."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from numpy.typing import NDArray

from viseon.inference import Detector
from viseon.models.golden import GoldenSet
from viseon.models.parity import compare
from viseon.plugins import find as find_plugin
from viseon.ports import Images, Report
from viseon.ports.exporter import Exporter
from viseon.schema import Measured, Parity, Signature
from viseon.vision import Detections
from viseon.vision.metrics import coco_ap

_TOLERANCE = 0.01
_MAP_SCORE = 0.01
_TIMED = 30
_FEW = 8
"""Below this many calibration pictures the ranges that INT8 learns are chance."""


class Bench:
    """Runs variants of one model over the same pictures."""

    def __init__(self, signature: Signature, images: Images, golden: GoldenSet) -> None:
        self.signature = signature
        self._images = images
        self._golden = golden

    def detector(self, path: Path, backend: str, options: Mapping[str, Any]) -> Detector:
        """The file on that backend."""
        opened = find_plugin("backend", backend).make(options, path)
        return Detector(self.signature, opened, self._images)

    def found(self, detector: Detector, *, score: float) -> list[Detections]:
        """What it sees in the pictures that are measured."""
        return [detector([one.pixels], score=score)[0] for one in self._golden.measured]

    def parity(self, reference: Detector, candidate: Detector) -> Parity:
        """Whether both see the same, picture by picture."""
        score = max(self.signature.score, _TOLERANCE)
        names = [one.name for one in self._golden.measured]
        lower = score - _TOLERANCE
        sides = self.found(reference, score=lower), self.found(candidate, score=lower)
        return compare(*sides, names, score=score, max_score_diff=_TOLERANCE)

    def measured(
        self, variant: str, path: Path, detector: Detector, truth: Sequence[Detections]
    ) -> Measured:
        """Size, speed and accuracy of one variant."""
        ap = coco_ap(self.found(detector, score=_MAP_SCORE), truth)
        return Measured(
            variant=variant,
            size=path.stat().st_size,
            ms=round(self._time(detector) * 1000, 3),
            map50=round(float(ap.map50), 4),
            map50_95=round(float(ap.map50_95), 4),
        )

    def truth(self, reference: Detector) -> tuple[list[Detections], str]:
        """The labels, or where there are none what the original sees at its own threshold."""
        if self._golden.labelled:
            return [one.truth for one in self._golden.measured if one.truth is not None], "labels"
        found = self.found(reference, score=self.signature.score)
        return found, "the original's detections: the pictures have no labels"

    def notes(self, exporter: str) -> tuple[str, ...]:
        """What a person should know before trusting the comparison."""
        notes = []
        if strangers := self._golden.strangers:
            classes = self.signature.classes
            notes.append(
                f"the model knows none of the labels' classes ({_some(strangers)}), it knows "
                f"{_some(classes)}: rename the labels' classes, or pass data labelled with the "
                "model's"
            )
        used = len(self._golden.calibration)
        if exporter == "int8" and used < _FEW:
            notes.append(
                f"calibrated with only {used} picture{'s' if used > 1 else ''}: this proves "
                f"little, pass data with {_FEW} or more"
            )
        return tuple(notes)

    def calibration(self, detector: Detector) -> Iterator[dict[str, NDArray[Any]]]:
        """The pictures to calibrate with, as the graph takes them."""
        return (detector.inputs([detector.prepare(o.pixels)]) for o in self._golden.calibration)

    def _time(self, detector: Detector) -> float:
        prepared = [detector.prepare(self._golden.measured[0].pixels)]
        for _ in range(3):
            detector.infer(prepared)
        took = []
        for _ in range(_TIMED):
            start = time.perf_counter()
            detector.infer(prepared)
            took.append(time.perf_counter() - start)
        return median(took)


def verdict(
    table: Sequence[Measured], parity: Parity, *, max_map_drop: float, notes: Sequence[str] = ()
) -> tuple[bool, str]:
    """Whether the second row may replace the first, and why; `notes` are told with it."""
    good, reason = _verdict(table, parity, max_map_drop)
    return good, "; ".join((reason, *notes))


def _verdict(table: Sequence[Measured], parity: Parity, max_map_drop: float) -> tuple[bool, str]:
    before, after = table
    defined = _defined(before) and _defined(after)
    if not defined and not parity.compared:
        # Engines that both see nothing agree: a ruined variant would pass, too.
        return False, (
            f"nothing was measured: neither sees anything in the {parity.images} pictures, and "
            "they have no label to find; pass data whose pictures show what the model knows"
        )
    if parity.passed:
        alone = "" if defined else "; that alone speaks for it, mAP is undefined without truth"
        return True, f"it sees the same in all {parity.images} pictures{alone}"
    first = parity.offences[0]
    if not defined:
        return False, (
            "mAP is undefined, since there is nothing to find in the pictures, so only a variant "
            f"that sees the same may pass; first difference: {first.image} {first.reason}"
        )
    drop = before.map50_95 - after.map50_95
    if drop <= max_map_drop:
        return True, (
            f"mAP50-95 {after.map50_95:.3f} after {before.map50_95:.3f}: a drop of {drop:.3f}, "
            f"{max_map_drop:.3f} is allowed; not identical: {first.image} {first.reason}"
        )
    return False, (
        f"mAP50-95 falls from {before.map50_95:.3f} to {after.map50_95:.3f}, more than the "
        f"{max_map_drop:.3f} allowed; first difference: {first.image} {first.reason}"
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _defined(measured: Measured) -> bool:
    """Whether there was anything to find: COCO's mAP is -1 without truth."""
    return measured.map50_95 >= 0  # not so for NaN


@dataclass(frozen=True, slots=True)
class Variant:
    """What an export made and how it compares."""

    data: bytes
    is_model: bool
    """Whether it is an ONNX file, with the original's signature."""
    table: tuple[Measured, ...]
    parity: Parity
    truth: str
    notes: tuple[str, ...] = ()
    """What makes the comparison worth less than it looks."""

    @property
    def metrics(self) -> dict[str, float]:
        """What the variant scores; empty where there was nothing to find."""
        after = self.table[1]
        return {"map50": after.map50, "map50_95": after.map50_95} if _defined(after) else {}


def export_and_measure(
    bench: Bench, exporter: Exporter, name: str, onnx: Path, report: Report
) -> Variant:
    """Export `onnx` and run both over the golden pictures."""
    report.progress(0.05, "measuring the original")
    reference = bench.detector(onnx, "onnxruntime", {"device": "cpu"})
    truth, kind = bench.truth(reference)
    before = bench.measured("original", onnx, reference, truth)
    report.progress(0.3, f"exporting {name}")
    with tempfile.TemporaryDirectory(prefix="viseon-export-") as scratch:
        made = exporter.export(onnx, Path(scratch), bench.calibration(reference))
        report.progress(0.7, f"measuring {name}")
        backend = "openvino" if name == "openvino" else "onnxruntime"
        candidate = bench.detector(made, backend, {})
        after = bench.measured(name, made, candidate, truth)
        parity = bench.parity(reference, candidate)
        data = made.read_bytes()
    reference.close()
    candidate.close()
    is_model, table = exporter.suffix == ".onnx", (before, after)
    return Variant(data, is_model, table, parity, kind, bench.notes(name))
