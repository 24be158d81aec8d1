"""One row of `sample`: what it holds, and how two of them come together."""

from functools import lru_cache
from typing import Any

from viseon.adapters.sql.facts import Facts
from viseon.schema import Digest, Invalid, Sample, canonical_json

_SIZE = ["@width", "@height"]


def same(one: Sample, other: Sample) -> bool:
    """Whether manifests spell them alike: for Python, 1 and true are equal."""
    return one == other and one.line == other.line


def merged(new: Sample, old: tuple[Sample, int] | None) -> Sample:
    """The row of the working area after `new` was added to it."""
    if old is None:
        return new
    before = old[0]
    kept: dict[str, Any] = {"split": new.split or before.split}
    if new.digest == before.digest:
        kept |= {
            "annotation": new.annotation or before.annotation,
            "width": new.width or before.width,
            "height": new.height or before.height,
            "metadata": {**before.metadata, **new.metadata},
        }
    return new.model_copy(update=kept)


def labels(s: Sample) -> tuple[Digest, Digest | None]:
    """Bytes and what is said about them."""
    return s.digest, s.annotation


def columns(s: Sample, facts: Facts) -> dict[str, Any]:
    """What the table holds of a sample. Raises Invalid for metadata that it cannot hold."""
    line = s.line
    if "\\u0000" in line:
        raise Invalid(f"sample {s.filename!r}: its metadata holds a NUL character")
    return {
        "filename": s.filename,
        "digest": bytes.fromhex(s.digest),
        "annotation": bytes.fromhex(s.annotation) if s.annotation else None,
        "split": s.split or "",
        "line": line,
        "facts": _spelled(facts),
    }


def _spelled(facts: Facts) -> str:
    """Canonical JSON. Most rows state no more than one of a few sizes."""
    if [*facts] == _SIZE:
        return _sized(*facts.values())  # type: ignore[arg-type]  # a size is no list
    return canonical_json(facts).decode()


@lru_cache(10_000)
def _sized(width: str, height: str) -> str:
    return canonical_json(dict(zip(_SIZE, (width, height), strict=True))).decode()
