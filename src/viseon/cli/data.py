"""Data from the command line: import, commit, log, diff, manifest, pull."""

import sys
from pathlib import Path
from typing import cast, get_args

import typer

from viseon.cli.compare import Wanted, compared
from viseon.cli.plumbing import Opened
from viseon.cli.refs import version_number
from viseon.cli.settings_given import given_settings
from viseon.cli.show import Bar, echo, table
from viseon.datasets.materialise import Link
from viseon.datasets.service import LOOKS
from viseon.datasets.transfer import import_folder, pull
from viseon.schema import Change, Invalid

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
        folder: Path = typer.Argument(help="Images, with or without annotations; or a .zip, .tar"),
        dataset: str = typer.Argument(help="Dataset to add to; created if it is new."),
        format: str = typer.Option("", help="coco, yolo, folder …; found out by default."),
        set_: list[str] = typer.Option([], "--set", help="An option of the format: key=value."),
    ) -> None:
        """Add a folder of images and annotations to a dataset."""
        with Bar() as bar:
            done = import_folder(
                opened(), folder, dataset=dataset, format=format or None,
                options=given_settings(set_), progress=bar,
            )  # fmt: skip
        typer.echo(done.model_dump_json(indent=2))
        echo(f'Next: viseon commit {dataset} -m "what this is"')

    @cli.command(rich_help_panel=PANEL)
    def commit(
        dataset: str,
        message: str = typer.Option("", "--message", "-m", help="What changed, and why."),
    ) -> None:
        """Freeze what was added as the dataset's next version."""
        platform = opened()
        if platform.datasets.status(dataset).unseen > LOOKS:
            platform.datasets.look(dataset).wait(progress=True)
        version = platform.datasets.commit(dataset, message=message)
        typer.echo(version.model_dump_json(indent=2))
        splits = ", ".join(f"{n} {split}" for split, n in sorted(version.splits.items()))
        echo(f"{dataset}@{version.number}: {version.samples} samples ({splits})")
        ratios = platform.datasets.get(dataset).ratios
        bare = [split for split, share in ratios.items() if share and not version.splits.get(split)]
        if bare and version.samples >= len(ratios):
            echo(
                f"note: nothing is in {' or '.join(bare)}: what belongs together stays together,"
                " and splits that an import names are kept;"
                f" see viseon datasets certificate {dataset} {version.number}"
            )


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
    def diff(  # noqa: PLR0913 (one per option)
        old: str = typer.Argument(help="Version, such as shop@2; or shop for what is uncommitted."),
        new: str = typer.Argument("", help="Version; left out: what a commit would freeze now."),
        limit: int = typer.Option(100, min=1, max=1000, help="Changes to list."),
        semantic: bool = typer.Option(False, "--semantic", help="Object by object."),
        moved: float = typer.Option(2.0, min=0, help="Pixels by which a moved box moved."),
        json: bool = typer.Option(False, "--json", help="Object by object, as JSON."),
        html: Path | None = typer.Option(None, help="A page with old and new boxes."),
        pictures: int = typer.Option(60, min=0, max=1000, help="Files to draw on the page."),
    ) -> None:
        """What changed: + added, - removed, ~ other bytes, L labels, > split, · metadata."""
        platform = opened()
        name, _, number = old.partition("@")
        before = version_number(platform, old)[1] if number else platform.datasets.get(name).head
        if new and new.partition("@")[0] != name:
            raise Invalid(f"{old} and {new} are of different datasets", fix=f"{old} {name}@NUMBER")
        after = version_number(platform, new)[1] if new else None
        if html is not None or semantic or json:
            asked = Wanted(name, before, after, moved)
            compared(platform, asked, limit=limit, json=json, html=html, pictures=pictures)
            return
        found = platform.datasets.diff(name, old=before, new=after, limit=limit)
        for change in found.changes:
            typer.echo(_line(change))
        echo(
            f"{found.added} added, {found.removed} removed, {found.modified} modified, "
            f"{found.relabelled} relabelled, {found.moved} moved to another split, "
            f"{found.described} with other metadata"
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
        link: str = typer.Option("auto", help="reflink, hardlink or copy; by default what can be."),
        set_: list[str] = typer.Option([], "--set", help="An option of the format: drop=true …"),
    ) -> None:
        """Write a version's files, byte for byte, with their annotations."""
        if link not in get_args(Link):
            raise Invalid(f"--link: {link!r}", fix=f"one of {', '.join(get_args(Link))}")
        platform = opened()
        name, number = version_number(platform, version)
        with Bar() as bar:
            done = pull(
                platform, name, number, into=into, format=format or None,
                options=given_settings(set_), link=cast(Link, link), progress=bar,
            )  # fmt: skip
        typer.echo(done.model_dump_json(indent=2))
        echo(f"{done.samples} files: {bar.stage}" if not format else f"laid out as {format}")
        if done.erased:
            echo(f"{done.erased} erased samples left out; .viseon/manifest.jsonl lists them")


def _line(change: Change) -> str:
    old, new = change.old or change.old_annotation, change.new or change.new_annotation
    if change.kind == "moved":
        return f"> {change.filename}  {change.old_split} → {change.new_split}"
    if change.kind == "described":
        return f"· {change.filename}"
    if change.kind == "relabelled":
        old, new = change.old_annotation, change.new_annotation
    digests = " → ".join(d[:12] if d else "none" for d in (old, new))
    return f"{_MARKS.get(change.kind, '?')} {change.filename}  {digests}"
