"""Versions that leave the house: one file, or a folder for DVC."""

from pathlib import Path

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.refs import version_number
from viseon.cli.show import Bar, echo
from viseon.datasets.bundle import bundle, unbundle

PANEL = "Data"


def add_share(cli: typer.Typer, opened: Opened) -> None:
    """Add the commands."""
    _add_bundle(cli, opened)


def _add_bundle(cli: typer.Typer, opened: Opened) -> None:
    @cli.command("bundle", rich_help_panel=PANEL)
    def bundle_(
        version: str = typer.Argument(help="shop@3, shop@golden, or shop for the latest."),
        to: Path | None = typer.Argument(None, help="shop-3.viseon.tar by default."),
    ) -> None:
        """Write a version into one file that `sha256sum -c` can check."""
        platform = opened()
        name, number = version_number(platform, version)
        target = to or Path(f"{name}-{number}.viseon.tar")
        with Bar() as bar:
            done = bundle(platform, name, number, to=target, progress=bar)
        typer.echo(f"{done.ref}  {done.fingerprint}  {target}")
        echo(f"Next, there: viseon unbundle {target.name}")

    @cli.command("unbundle", rich_help_panel=PANEL)
    def unbundle_(
        file: Path = typer.Argument(help="What `viseon bundle` wrote."),
        name: str = typer.Option("", "--as", help="Name of the dataset, if not its own."),
    ) -> None:
        """Make a bundle a dataset: equal rows, splits, classes and fingerprint."""
        with Bar() as bar:
            made = unbundle(opened(), file, name=name or None, progress=bar)
        typer.echo(f"{made.ref}  {made.fingerprint}  {made.samples} samples")
