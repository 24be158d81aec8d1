"""Data from the command line: import, commit, log, diff, manifest, pull."""

import sys
from pathlib import Path

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.refs import version_number
from viseon.cli.show import Bar, echo, table
from viseon.datasets.transfer import import_folder, pull
from viseon.schema import Change

PANEL = "Data"
_MARKS = {"added": "+", "removed": "-", "modified": "~", "relabelled": "L", "moved": ">"}


def add_data(cli: typer.Typer, opened: Opened) -> None:
    """Add the commands."""
    _add_import(cli, opened)
    _add_history(cli, opened)
    _add_pull(cli, opened)


def _add_import(cli: typer.Typer, opened: Opened) -> None:
    @cli.command("import", rich_help_panel=PANEL)
    def import_(
        folder: Path = typer.Argument(help="Images, with or without annotations."),
        dataset: str = typer.Argument(help="Dataset to add to; created if it is new."),
        format: str = typer.Option("", help="coco, yolo, folder …; found out by default."),
    ) -> None:
        """Add a folder of images and annotations to a dataset."""
        with Bar() as bar:
            done = import_folder(
                opened(), folder, dataset=dataset, format=format or None, progress=bar
            )
        typer.echo(done.model_dump_json(indent=2))
        echo(f'Next: viseon commit {dataset} -m "what this is"')

    @cli.command(rich_help_panel=PANEL)
    def commit(
        dataset: str,
        message: str = typer.Option("", "--message", "-m", help="What changed, and why."),
    ) -> None:
        """Freeze what was added as the dataset's next version."""
        version = opened().datasets.commit(dataset, message=message)
        typer.echo(version.model_dump_json(indent=2))
        splits = ", ".join(f"{n} {split}" for split, n in sorted(version.splits.items()))
        echo(f"{dataset}@{version.number}: {version.samples} samples ({splits})")


def _add_history(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def log(dataset: str, limit: int = typer.Option(20, min=1, max=1000)) -> None:
        """The dataset's versions, newest first."""
        rows = [
            (
                f"{dataset}@{v.number}",
                v.fingerprint[:12],
                f"{v.samples} samples",
                f"{v.created:%Y-%m-%d %H:%M}",
                v.message,
            )
            for v in opened().datasets.log(dataset, limit=limit).items
        ]
        table(rows, empty=f'no versions yet: viseon commit {dataset} -m "first"')

    @cli.command(rich_help_panel=PANEL)
    def diff(
        old: str = typer.Argument(help="Version, such as shop@2; or shop for what is uncommitted."),
        new: str = typer.Argument("", help="Version; left out: what a commit would freeze now."),
        limit: int = typer.Option(100, min=1, max=1000, help="Changes to list."),
    ) -> None:
        """What changed: + added, - removed, ~ other bytes, L other labels, > other split."""
        platform = opened()
        name, _, number = old.partition("@")
        before = version_number(platform, old)[1] if number else platform.datasets.get(name).head
        after = version_number(platform, new)[1] if new else None
        found = platform.datasets.diff(name, old=before, new=after, limit=limit)
        for change in found.changes:
            typer.echo(_line(change))
        echo(
            f"{found.added} added, {found.removed} removed, {found.modified} modified, "
            f"{found.relabelled} relabelled, {found.moved} moved to another split"
        )

    @cli.command(rich_help_panel=PANEL)
    def manifest(version: str) -> None:
        """The version's manifest; its SHA-256 is the fingerprint: pipe it into sha256sum."""
        platform = opened()
        digest = platform.datasets.manifest(*version_number(platform, version))
        with platform.blobs.open(digest) as file:
            while chunk := file.read(1 << 20):
                sys.stdout.buffer.write(chunk)
        sys.stdout.flush()


def _add_pull(cli: typer.Typer, opened: Opened) -> None:
    @cli.command("pull", rich_help_panel=PANEL)
    def pull_(
        version: str = typer.Argument(help="shop@3, or shop for the latest."),
        into: Path = typer.Argument(help="Folder to fill; created if needed."),
        format: str = typer.Option("", help="Lay out as coco, yolo …; else files as they were."),
    ) -> None:
        """Write a version's files, byte for byte, with their annotations."""
        platform = opened()
        name, number = version_number(platform, version)
        with Bar() as bar:
            done = pull(platform, name, number, into=into, format=format or None, progress=bar)
        typer.echo(done.model_dump_json(indent=2))


def _line(change: Change) -> str:
    old, new = change.old or change.old_annotation, change.new or change.new_annotation
    if change.kind == "moved":
        return f"> {change.filename}  {change.old_split} → {change.new_split}"
    if change.kind == "relabelled":
        old, new = change.old_annotation, change.new_annotation
    digests = " → ".join(d[:12] if d else "none" for d in (old, new))
    return f"{_MARKS.get(change.kind, '?')} {change.filename}  {digests}"
