"""Saying something about samples from the command line."""

import json
from typing import Any

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.show import echo
from viseon.schema import CustomField, Invalid

PANEL = "Data"
_AS_WRITTEN = ("text", "choice", "time", "date")


def add_describe(cli: typer.Typer, opened: Opened) -> None:
    """Add the command."""

    @cli.command(rich_help_panel=PANEL)
    def describe(  # noqa: PLR0913 (one per option)
        dataset: str,
        files: list[str] = typer.Argument(None, help="Names of samples; or --where, --view."),
        where: str = typer.Option("", help="Such as 'camera_id == \"cam5\" and hour >= 22'."),
        view: str = typer.Option("", help="Name of a saved view."),
        set_: list[str] = typer.Option([], "--set", help="Metadata: key=value."),
        unset: list[str] = typer.Option([], help="A key of the metadata to forget."),
        add_tag: list[str] = typer.Option([], help="A tag to add."),
        remove_tag: list[str] = typer.Option([], help="A tag to remove."),
        dry_run: bool = typer.Option(False, "--dry-run", help="Only check and count."),
    ) -> None:
        """Set metadata and tags of samples that are chosen by name or by an expression.

        A value is a number, true, false, or JSON where it reads as such, else a text; that of a
        custom field is read as the field's type says.
        """
        datasets = opened().datasets
        fields = datasets.get(dataset).fields if set_ else {}
        done = datasets.describe(
            dataset, filenames=tuple(files or ()), where=where, view=view,
            metadata=dict(_pair(pair, fields) for pair in set_), forget=tuple(unset),
            add_tags=tuple(add_tag), remove_tags=tuple(remove_tag), dry_run=dry_run,
        )  # fmt: skip
        typer.echo(done.model_dump_json(indent=2))
        if dry_run:
            echo(f"{done.matched} samples match, {done.changed} would change")
        elif done.changed:
            echo(f'Next: viseon commit {dataset} -m "what was said"')


def _pair(pair: str, fields: dict[str, CustomField]) -> tuple[str, Any]:
    key, found, value = pair.partition("=")
    if not found:
        raise Invalid(f"--set {pair!r}: there is no `=`", fix="--set key=value")
    if key in fields and fields[key].type in _AS_WRITTEN:
        return key, value
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
