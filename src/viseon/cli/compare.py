"""`viseon diff --semantic`: what changed object by object, as text, JSON or a page."""

from dataclasses import dataclass
from pathlib import Path

import typer

from viseon.cli.show import echo
from viseon.datasets.compare_words import in_words, totals
from viseon.platform import Platform
from viseon.schema import Invalid
from viseon.schema.comparison import DrawnComparison


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which versions, and by how many pixels a moved box moved."""

    dataset: str
    old: int
    new: int | None
    moved_px: float


def compared(
    platform: Platform, wanted: Wanted, *, limit: int, json: bool, html: Path | None, pictures: int
) -> None:
    """Say it on stdout; with `html` the page goes to that file and the totals to stdout."""
    if html is not None:
        _write(platform, wanted, html, pictures)
        return
    found = platform.datasets.compare(
        wanted.dataset, old=wanted.old, new=wanted.new, moved_px=wanted.moved_px, limit=limit
    )
    typer.echo(found.model_dump_json(indent=2) if json else in_words(found))


def _write(platform: Platform, wanted: Wanted, html: Path, pictures: int) -> None:
    if html.suffix not in (".html", ".htm"):
        raise Invalid(f"--html: {html} is no .html", fix="--html changes.html")
    job = platform.datasets.draw_comparison(
        wanted.dataset, old=wanted.old, new=wanted.new, moved_px=wanted.moved_px, pictures=pictures
    )
    drawn = DrawnComparison.model_validate(job.wait(progress=True).result)
    html.write_bytes(platform.blobs.get(drawn.page))
    typer.echo(totals(drawn.comparison))
    echo(f"written: {html}, with {len(drawn.comparison.changes)} pictures")
