"""Asking for samples from the command line."""

from collections.abc import Iterator

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.refs import version_number
from viseon.cli.show import echo, table
from viseon.platform import Platform
from viseon.schema import Sample, canonical_json

PANEL = "Data"
PAGE = 1000
SHOWN = 40
"""Characters of metadata in a table."""


def add_find(cli: typer.Typer, opened: Opened) -> None:
    """Add the command."""

    @cli.command(rich_help_panel=PANEL)
    def find(
        dataset: str = typer.Argument(help="shop@3, or shop for what is not committed yet, too."),
        where: str = typer.Argument("", help='Such as \'split == "val" and count("person") > 2\'.'),
        view: str = typer.Option("", help="Name of a saved view."),
        count: bool = typer.Option(False, "--count", help="Only how many, in all and by split."),
        json: bool = typer.Option(False, "--json", help="One line of JSON per sample."),
        limit: int = typer.Option(100, min=1, help="Samples to list."),
    ) -> None:
        """Samples that match an expression; see docs/how-to/query.md."""
        platform = opened()
        name, number = _place(platform, dataset)
        if count:
            found = platform.datasets.count(name, version=number, where=where, view=view)
            rows = [(split or "(none)", str(n)) for split, n in found.splits.items()]
            table([("all", str(found.total)), *rows], empty="")
            return
        asked = {"version": number, "where": where, "view": view}
        listed = list(_samples(platform, name, asked, limit + 1))
        if json:
            for sample in listed[:limit]:
                typer.echo(canonical_json(sample))
        else:
            table([_row(s) for s in listed[:limit]], empty="nothing matches")
        if len(listed) > limit:
            echo(f"… and more: --limit {10 * limit}, or --count")


def _place(platform: Platform, ref: str) -> tuple[str, int | None]:
    if "@" in ref:
        return version_number(platform, ref)
    return platform.datasets.get(ref).name, None


def _samples(
    platform: Platform, name: str, asked: dict[str, str | int | None], limit: int
) -> Iterator[Sample]:
    cursor, left = "", limit
    while left > 0:
        page = platform.datasets.samples(name, cursor=cursor, limit=min(left, PAGE), **asked)  # type: ignore[arg-type]
        yield from page.items
        left -= len(page.items)
        if page.next is None:
            return
        cursor = page.next


def _row(sample: Sample) -> tuple[str, ...]:
    said = canonical_json(sample.metadata).decode() if sample.metadata else ""
    short = said if len(said) <= SHOWN else f"{said[: SHOWN - 1]}…"
    size = f"{sample.width}x{sample.height}" if sample.width and sample.height else ""
    return (sample.filename, sample.split or "", size, short)
