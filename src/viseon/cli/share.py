"""Versions that leave the house: one file, or a folder for DVC."""

from pathlib import Path

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.refs import version_number
from viseon.cli.settings_given import given_settings
from viseon.cli.show import Bar, echo
from viseon.datasets.bundle import bundle, unbundle
from viseon.datasets.dvc import export_dvc

PANEL = "Data"


def add_share(cli: typer.Typer, opened: Opened) -> None:
    """Add the commands."""
    _add_bundle(cli, opened)
    _add_dvc(cli, opened)


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


def _add_dvc(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def dvc(
        version: str = typer.Argument(help="shop@3, shop@golden, or shop for the latest."),
        into: Path = typer.Argument(help="Folder in a git and DVC repository, such as data/shop."),
        format: str = typer.Option("", help="Lay out as coco, yolo …; else files as they were."),
        set_: list[str] = typer.Option([], "--set", help="An option of the format: drop=true …"),
        cache: Path | None = typer.Option(
            None, help="A DVC cache or local remote to fill; by default the repository's cache."
        ),
    ) -> None:
        """Write a version as a folder that DVC tracks: `dvc status` finds it up to date."""
        platform = opened()
        name, number = version_number(platform, version)
        with Bar() as bar:
            done = export_dvc(
                platform, name, number, into=into, format=format or None,
                options=given_settings(set_), cache=cache, progress=bar,
            )  # fmt: skip
        typer.echo(f"{done.version.ref}  {done.version.fingerprint}  {done.note}")
        echo(f"{done.files} files, {done.size} bytes in {done.cache}")
        if done.version.erased:
            echo(
                f"{done.version.erased} erased samples left out; .viseon/manifest.jsonl lists them"
            )
        echo(f"Next: git add {into}.dvc {into.parent / '.gitignore'} && git commit && dvc push")
