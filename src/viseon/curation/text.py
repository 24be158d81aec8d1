"""A health report in words."""

from collections.abc import Iterator

from viseon.schema.health import Health, HealthExample, HealthFinding

_MARKS = {"error": "✗", "warning": "!", "note": "·"}


def in_words(health: Health, *, examples: int = 3) -> str:
    """Lines for a terminal: the gravest finding first, with a few places to look at each."""
    return "\n".join(_lines(health, examples))


def heading(health: Health) -> str:
    """`shop@3: 1500 samples, 1490 labelled, 4312 objects, 120 MB`."""
    name = health.dataset if health.version is None else f"{health.dataset}@{health.version}"
    size_mb = health.bytes_read / 1e6
    return (
        f"{name}: {health.samples} samples, {health.labelled} labelled, "
        f"{health.objects} objects, {size_mb:,.1f} MB"
    )


def place(example: HealthExample) -> str:
    """Where, and what is the matter there."""
    names = " = ".join(example.filenames[:4])
    more = len(example.filenames) - 4
    names += f" and {more} more" if more > 0 else ""
    return ": ".join(part for part in (names, example.detail) if part)


def _lines(health: Health, examples: int) -> Iterator[str]:
    yield heading(health)
    if not health.findings:
        yield "Nothing to complain about."
    for finding in health.findings:
        yield from _finding(finding, examples)
    if health.classes:
        yield ""
        yield "Classes:"
        width = max(len(c.name) for c in health.classes)
        for c in health.classes:
            splits = ", ".join(f"{n} {split or 'no split'}" for split, n in c.splits.items())
            yield f"  {c.name.ljust(width)}  {c.objects:7d} objects in {c.samples} ({splits})"
    if health.resolutions:
        yield ""
        sizes = (f"{r.width}x{r.height} ({r.samples})" for r in health.resolutions[:6])
        yield "Sizes: " + ", ".join(sizes)


def _finding(finding: HealthFinding, examples: int) -> Iterator[str]:
    yield ""
    yield f"{_MARKS[finding.severity]} {finding.count} {finding.title}"
    yield f"    → {finding.advice}"
    for example in finding.examples[:examples]:
        yield f"    {place(example)}"
    if finding.count > examples < len(finding.examples):
        yield f"    … {finding.count - examples} more"
