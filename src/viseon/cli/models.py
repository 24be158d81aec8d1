"""`viseon models add`: bring an ONNX file and see what was understood."""

import re
from pathlib import Path

import typer
from pydantic import ValidationError

from viseon.cli.plumbing import Opened
from viseon.cli.settings_given import given_settings
from viseon.models import Overrides, read_classes
from viseon.schema import Invalid, Model, NotFound


def add_models(group: typer.Typer, opened: Opened) -> None:
    """Replace the plumbing's `add`, which wants digests, with one that takes files."""
    group.registered_commands[:] = [c for c in group.registered_commands if c.name != "add"]

    @group.command("add")
    def add(
        path: Path = typer.Argument(help="The ONNX file."),
        name: str = typer.Option("", help="Name to register; the file's name by default."),
        classes: Path | None = typer.Option(None, help="File with one class name per line."),
        decoder: str = typer.Option("", help="How outputs are read, if not what was inferred."),
        set_: list[str] = typer.Option(
            [], "--set", help="Correct one thing: color=bgr, width=640, options.sigmoid=true …"
        ),
        licence: str = typer.Option("unknown", help="SPDX name of the model's licence."),
    ) -> None:
        """Register a model: looks into the file, decides how it is fed and read, and says why."""
        if not path.is_file():
            raise NotFound(f"path: there is no file {path}", fix="check the path to the ONNX file")
        names = names_in(classes)
        platform = opened()
        model = platform.models.add(
            name=name or name_of(path),
            onnx=platform.blobs.add(path),
            classes=names,
            overrides=_overrides(decoder, set_),
            licence=licence,
        )
        typer.echo(model.model_dump_json(indent=2))
        _explain(model)


def _explain(model: Model) -> None:
    typer.echo(f"\n{model.ref} is registered. What was decided, and why:", err=True)
    for decision in model.decisions:
        typer.echo(f"  {decision}", err=True)
    typer.echo("Change any of it with --set KEY=VALUE.", err=True)


def _overrides(decoder: str, pairs: list[str]) -> Overrides:
    given = ({"decoder": decoder} if decoder else {}) | given_settings(pairs)
    try:
        return Overrides.model_validate(given)
    except ValidationError as error:
        known = ", ".join(Overrides.model_fields)
        raise Invalid.because(error.errors()[0], where="--set ", fix=f"known: {known}") from error


def names_in(classes: Path | None) -> tuple[str, ...]:
    """The class names in a file; none without one. Raises NotFound or Invalid."""
    if classes is None:
        return ()
    if not classes.is_file():
        raise NotFound(f"--classes: there is no file {classes}", fix="check the path")
    try:
        return read_classes(classes.read_text(encoding="utf-8"), where=classes.name)
    except UnicodeDecodeError as error:
        raise Invalid(
            f"--classes: {classes.name} is not UTF-8 text", fix="save it as UTF-8"
        ) from error


def name_of(path: Path) -> str:
    """A name made of a file's."""
    return re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:63] or "model"
