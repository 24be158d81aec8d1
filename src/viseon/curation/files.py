"""Findings about files: broken, twice there, alike, of unlike sizes. Pure: facts in, words out."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from viseon.curation.examine import Facts, State
from viseon.overlap import cores
from viseon.schema import Digest, Sample
from viseon.schema.health import HealthExample, HealthFinding, HealthKind, Resolution
from viseon.vision.phash import VIEWS, WORDS, look_alikes

_BROKEN: tuple[tuple[State, HealthKind, str, str], ...] = (
    ("missing", "missing", "files whose bytes are not stored", "import them again"),
    ("empty", "empty", "empty files", "remove them: there is nothing in them"),
    ("corrupt", "corrupt", "files that cannot be decoded", "replace or remove them"),
    (
        "oversized",
        "oversized",
        "pictures too large to decode",
        "store them smaller, or in tiles",
    ),
)

Known = Mapping[Digest, Facts]


def broken(samples: Sequence[Sample], known: Known, limit: int) -> list[HealthFinding]:
    """Files nobody can learn from."""
    found = []
    for state, kind, title, advice in _BROKEN:
        bad = [s for s in samples if s.digest in known and known[s.digest].state == state]
        if bad:
            shown = tuple(example(s, known[s.digest].why) for s in bad[:limit])
            found.append(finding(kind, "error", len(bad), title, advice, shown))
    blank = [s for s in samples if s.digest in known and known[s.digest].state == "blank"]
    if blank:
        shown = tuple(example(s, known[s.digest].why) for s in blank[:limit])
        advice = "check the camera; remove what shows nothing"
        found.append(finding("blank", "warning", len(blank), "pictures of nothing", advice, shown))
    return found


def wrong_size(samples: Sequence[Sample], known: Known, limit: int) -> list[HealthFinding]:
    """Pictures of another size than recorded: their boxes are in the wrong place."""
    bad = []
    for sample in samples:
        facts = known.get(sample.digest)
        if facts is None or not (facts.width and sample.width):
            continue
        if (facts.width, facts.height) != (sample.width, sample.height):
            said = f"recorded {sample.width}x{sample.height}, is {facts.width}x{facts.height}"
            bad.append(example(sample, said))
    if not bad:
        return []
    title = "pictures of another size than recorded"
    advice = "import them again: their boxes may be in the wrong place"
    return [finding("wrong-size", "error", len(bad), title, advice, tuple(bad[:limit]))]


def duplicates(samples: Sequence[Sample], limit: int) -> list[HealthFinding]:
    """Samples with the very same bytes."""
    groups: dict[Digest, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.digest].append(sample)
    twice = [group for group in groups.values() if len(group) > 1]
    if not twice:
        return []
    return [
        finding(
            "duplicates",
            "warning",
            len(twice),
            "groups of files with the very same bytes",
            "keep one of each group",
            tuple(_group(g, "same bytes") for g in twice[:limit]),
        )
    ]


def near_duplicates(
    samples: Sequence[Sample],
    known: Known,
    limit: int,
    *,
    threshold: int,
    say: Callable[[float], None] = lambda _: None,
) -> list[HealthFinding]:
    """Pictures that look alike; those that lie in different splits are leaks."""
    firsts: dict[Digest, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.digest in known and known[sample.digest].hash is not None:
            firsts[sample.digest].append(sample)
    digests = list(firsts)
    hashes = np.zeros((len(digests), VIEWS, WORDS), np.uint64)
    for index, digest in enumerate(digests):
        if (hash := known[digest].hash) is not None:
            hashes[index] = hash
    label, most = look_alikes(hashes, threshold=threshold, threads=cores(), say=say)
    groups: dict[int, list[Sample]] = defaultdict(list)
    for joined, bits, digest in zip(label.tolist(), most.tolist(), digests, strict=True):
        if bits >= 0:
            groups[joined] += firsts[digest]
    alike = [(group, f"differ in at most {most[key]} of 128 bits") for key, group in groups.items()]
    leaks = [(g, said) for g, said in alike if len({s.split for s in g if s.split}) > 1]
    return [
        *_alike(
            "leaks",
            leaks,
            limit,
            "groups of look-alikes spread over splits",
            "scores on them say nothing: put each group into one split",
        ),
        *_alike(
            "near-duplicates",
            alike,
            limit,
            f"groups of pictures that look alike (at most {threshold} of 128 bits differ)",
            "keep the best of each group, or keep groups in one split",
        ),
    ]


def resolutions(samples: Sequence[Sample], known: Known) -> tuple[Resolution, ...]:
    """How many pictures are of each size, the commonest first."""
    sizes = Counter((f.width, f.height) for s in samples if (f := known.get(s.digest)) and f.width)
    ranked = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Resolution(width=w, height=h, samples=n) for (w, h), n in ranked)


def spread(sizes: Sequence[Resolution]) -> list[HealthFinding]:
    """Whether the smallest and the largest picture are far apart."""
    if not sizes:
        return []
    by_area = sorted(sizes, key=lambda r: r.width * r.height)
    small, large = by_area[0], by_area[-1]
    times = large.width * large.height / (small.width * small.height)
    if times < 16:  # noqa: PLR2004 (four times on each side)
        return []
    title = (
        f"sizes, from {small.width}x{small.height} to {large.width}x{large.height}: "
        "small objects vanish when the large ones are scaled down"
    )
    advice = "tile the large pictures, or train at a larger size"
    return [finding("resolutions", "note", len(sizes), title, advice)]


def example(sample: Sample, detail: str) -> HealthExample:
    """One sample."""
    return HealthExample(filenames=(sample.filename,), digests=(sample.digest,), detail=detail)


def finding(  # noqa: PLR0913 (the fields, in order)
    kind: HealthKind,
    severity: str,
    count: int,
    title: str,
    advice: str,
    examples: tuple[HealthExample, ...] = (),
) -> HealthFinding:
    """One finding."""
    return HealthFinding.model_validate(
        {
            "kind": kind,
            "severity": severity,
            "count": count,
            "title": title,
            "advice": advice,
            "examples": examples,
        }
    )


def _alike(
    kind: HealthKind,
    groups: list[tuple[list[Sample], str]],
    limit: int,
    title: str,
    advice: str,
) -> list[HealthFinding]:
    if not groups:
        return []
    severity = "error" if kind == "leaks" else "warning"
    shown = tuple(_group(g, said) for g, said in groups[:limit])
    return [finding(kind, severity, len(groups), title, advice, shown)]


def _group(group: Sequence[Sample], said: str) -> HealthExample:
    splits = sorted({s.split for s in group if s.split})
    where = f"; in {' and '.join(splits)}" if splits else ""
    shown = group[:12]
    more = f"; {len(group)} in all" if len(group) > len(shown) else ""
    return HealthExample(
        filenames=tuple(s.filename for s in shown),
        digests=tuple(s.digest for s in shown),
        detail=said + where + more,
    )
