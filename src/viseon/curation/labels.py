"""Findings about labels: boxes that cannot be right, classes that are rare. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from viseon.curation.files import example, finding
from viseon.schema import SPLITS, Annotation, Box, Digest, Object, Sample
from viseon.schema.health import ClassCount, HealthExample, HealthFinding, HealthKind
from viseon.vision.boxes import iou

SLACK_PX = 0.5
"""A box may stand out of the picture by this much: tools round."""
DEGENERATE_PX = 1.0
TINY_PX = 4.0
TINY_SHARE = 1e-4
"""Of the picture's area."""
SAME_IOU = 0.95
RARE = 10
"""A class is rare when the commonest has more than this many times its objects."""

Known = Mapping[Digest, Annotation]
Size = Callable[[Sample], tuple[int, int]]
"""Width and height of a sample's picture; zeros where nobody knows."""


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: HealthKind
    severity: str
    title: str
    advice: str
    test: Callable[[Box, tuple[int, int]], str]
    """Says what is wrong with a box in a picture of that size, or nothing."""


def _outside(box: Box, size: tuple[int, int]) -> str:
    width, height = size
    if not width:
        return ""
    over = max(-box[0], -box[1], box[2] - width, box[3] - height)
    return f"{over:.1f} px outside the {width}x{height} picture" if over > SLACK_PX else ""


def _degenerate(box: Box, _: tuple[int, int]) -> str:
    wide, high = box[2] - box[0], box[3] - box[1]
    return f"{wide:.2f} x {high:.2f} px" if min(wide, high) < DEGENERATE_PX else ""


def _tiny(box: Box, size: tuple[int, int]) -> str:
    wide, high = box[2] - box[0], box[3] - box[1]
    if min(wide, high) < DEGENERATE_PX:
        return ""
    area = size[0] * size[1]
    small = min(wide, high) < TINY_PX or (area and wide * high < TINY_SHARE * area)
    return f"{wide:.1f} x {high:.1f} px" if small else ""


_RULES = (
    _Rule(
        "out-of-bounds",
        "error",
        "boxes that stand out of their picture",
        "clip or correct them",
        _outside,
    ),
    _Rule(
        "degenerate",
        "error",
        "boxes thinner than a pixel",
        "remove them: nobody drew them on purpose",
        _degenerate,
    ),
    _Rule(
        "tiny",
        "warning",
        f"tiny boxes (a side below {TINY_PX:.0f} px, or below 0.01 % of the picture)",
        "label at a higher resolution, tile, or remove them",
        _tiny,
    ),
)


def boxes(samples: Sequence[Sample], known: Known, size: Size, limit: int) -> list[HealthFinding]:
    """Boxes that cannot be right, and those drawn twice."""
    counts: Counter[HealthKind] = Counter()
    shown: dict[HealthKind, list[HealthExample]] = defaultdict(list)

    def note(kind: HealthKind, sample: Sample, thing: Object, said: str) -> None:
        counts[kind] += 1
        if len(shown[kind]) < limit:
            one = example(sample, f"{thing.class_name}: {said}")
            shown[kind].append(one.model_copy(update={"box": thing.box}))

    for sample, annotation in _labelled(samples, known):
        here = size(sample)
        for thing in annotation.objects:
            for rule in _RULES:
                if said := rule.test(thing.box, here):
                    note(rule.kind, sample, thing, said)
        for thing in _doubled(annotation):
            note("doubled", sample, thing, "drawn twice")
    doubled = _Rule(
        "doubled",
        "warning",
        "boxes drawn twice in one picture",
        "keep one: the model learns to answer twice",
        _outside,
    )
    return [
        finding(r.kind, r.severity, counts[r.kind], r.title, r.advice, tuple(shown[r.kind]))
        for r in (*_RULES, doubled)
        if counts[r.kind]
    ]


def unlabelled(samples: Sequence[Sample], known: Known, limit: int) -> list[HealthFinding]:
    """Samples nobody has labelled, and those labelled as showing nothing."""
    never = [s for s in samples if s.annotation is None]
    null = [s for s, a in _labelled(samples, known) if not a.objects]
    found = []
    if never and len(never) < len(samples):
        shown = tuple(example(s, "") for s in never[:limit])
        title = "samples that nobody has labelled"
        advice = "label them, or leave them out: training takes them for empty"
        found.append(finding("unlabelled", "warning", len(never), title, advice, shown))
    if null:
        shown = tuple(example(s, "") for s in null[:limit])
        title = "null examples: labelled as showing nothing"
        advice = "some are good against false alarms; check that they are empty indeed"
        found.append(finding("null", "note", len(null), title, advice, shown))
    return found


def count(
    samples: Sequence[Sample], known: Known, classes: Sequence[str]
) -> tuple[ClassCount, ...]:
    """How common each class is, in the order of the dataset; unknown ones last."""
    objects: Counter[str] = Counter()
    pictures: Counter[str] = Counter()
    splits: dict[str, Counter[str]] = defaultdict(Counter)
    for sample, annotation in _labelled(samples, known):
        names = Counter(o.class_name for o in annotation.objects)
        objects += names
        pictures.update(names.keys())
        for name, n in names.items():
            splits[name][sample.split or ""] += n
    order = [*classes, *sorted(set(objects) - set(classes))]
    return tuple(
        ClassCount(
            name=name,
            objects=objects[name],
            samples=pictures[name],
            splits={k: splits[name][k] for k in (*SPLITS, "") if splits[name][k]},
        )
        for name in order
    )


def balance(counts: Sequence[ClassCount], classes: Sequence[str]) -> list[HealthFinding]:
    """Classes that are rare, absent from a split, or unknown to the dataset."""
    most = max((c.objects for c in counts), default=0)
    if not most:
        return []
    rare = [c for c in counts if c.objects * RARE < most]
    used = [s for s in SPLITS if any(s in c.splits for c in counts)]
    absent = [
        (c, gone) for c in counts if c.objects and (gone := [s for s in used if s not in c.splits])
    ]
    foreign = [c for c in counts if c.name not in classes]
    found = []
    if foreign:
        shown = tuple(HealthExample(detail=f"{c.name}: {c.objects} objects") for c in foreign)
        title, advice = "classes the dataset does not know", "add the class, or rename them"
        found.append(finding("unknown-class", "error", len(foreign), title, advice, shown))
    if absent:
        shown = tuple(
            HealthExample(detail=f"{c.name}: not in {' or '.join(gone)}") for c, gone in absent
        )
        title = "classes that a split does not have"
        advice = "their score cannot be measured there: collect more of them"
        found.append(finding("absent-class", "warning", len(absent), title, advice, shown))
    if rare:
        shown = tuple(
            HealthExample(detail=f"{c.name}: {c.objects} objects, the commonest has {most}")
            for c in rare
        )
        title = f"rare classes: the commonest has more than {RARE} times their objects"
        advice = "collect more of them, or weigh them in training"
        found.append(finding("imbalance", "warning", len(rare), title, advice, shown))
    return found


def _labelled(samples: Sequence[Sample], known: Known) -> list[tuple[Sample, Annotation]]:
    return [(s, known[s.annotation]) for s in samples if s.annotation in known and s.annotation]


def _doubled(annotation: Annotation) -> list[Object]:
    """Objects that lie on an earlier one of the same class."""
    by_class: dict[str, list[Object]] = defaultdict(list)
    for thing in annotation.objects:
        by_class[thing.class_name].append(thing)
    twice = []
    for things in by_class.values():
        if len(things) > 1:
            boxes = np.array([t.box for t in things], np.float32)
            over = np.triu(iou(boxes, boxes) >= SAME_IOU, 1)
            twice += [things[j] for j in np.unique(np.nonzero(over)[1]).tolist()]
    return twice
