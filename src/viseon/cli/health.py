"""`viseon health shop`: what is wrong with a dataset, in words, as JSON or as a page."""

from pathlib import Path

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.refs import version_number
from viseon.cli.show import echo
from viseon.curation import in_words
from viseon.schema import Invalid
from viseon.schema.health import Health
from viseon.vision.phash import NEAR

PANEL = "Data"


def add_health(cli: typer.Typer, opened: Opened) -> None:
    """Add the command."""

    @cli.command(rich_help_panel=PANEL)
    def health(
        dataset: str = typer.Argument(help="shop for the working area, shop@3 for a version."),
        output: Path | None = typer.Option(
            None, "--output", "-o", help="Write report.html (with pictures) or report.json."
        ),
        json: bool = typer.Option(False, "--json", help="JSON on stdout."),
        near: int = typer.Option(NEAR, min=0, max=63, help="Bits of 128 look-alikes may differ."),
        examples: int = typer.Option(12, min=1, max=100, help="Places to name per finding."),
    ) -> None:
        """Read every file and label of a dataset and say what is wrong with them."""
        if output is not None and output.suffix not in (".html", ".json"):
            raise Invalid(f"--output: {output} is neither .html nor .json", fix="-o report.html")
        platform = opened()
        name, version = dataset, None
        if "@" in dataset:
            name, version = version_number(platform, dataset)
        job = platform.curation.health(name, version=version, near=near, examples=examples)
        found = Health.model_validate(job.wait(progress=True).result)
        if output is not None:
            _write(output, found, platform.blobs.get(found.page) if found.page else b"")
        typer.echo(found.model_dump_json(indent=2) if json else in_words(found))


def _write(output: Path, found: Health, page: bytes) -> None:
    html = output.suffix == ".html"
    output.write_bytes(page if html else found.model_dump_json(indent=2).encode())
    echo(f"written: {output}")
