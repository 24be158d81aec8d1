"""Who labelled what, and the way back: `viseon blame`, `edits`, `undo`."""

import re
from datetime import UTC, datetime, timedelta

import typer

from viseon.cli.label_words import change_in_words, counted, maker_in_words
from viseon.cli.plumbing import Opened
from viseon.cli.refs import version_number
from viseon.cli.show import echo, table
from viseon.schema import Invalid
from viseon.schema.label import Blame, LabelChange, Labelled, Reverted

PANEL = "Data"
_UNITS = {"m": 60, "h": 3600, "d": 86400}
_FILE = typer.Argument("", help="One sample; left out: all.")
_OBJECT = typer.Option("", help="One object of the sample, by its id.")
_BY = typer.Option("", help="Changes of a user.")
_SESSION = typer.Option("", help="Changes of a session.")
_MODEL = typer.Option("", help="Changes that came from a model, such as people@3.")
_SINCE = typer.Option("", help="From then on: 2026-11-21, 2026-11-21T08:00 (UTC), or 2h ago: 2h.")
_JSON = typer.Option(False, "--json", help="JSON on stdout.")


def add_labels(cli: typer.Typer, opened: Opened) -> None:
    """Add the commands."""
    _add_blame(cli, opened)
    _add_edits(cli, opened)
    _add_undo(cli, opened)


def _add_blame(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def blame(
        dataset: str = typer.Argument(help="shop; or shop@3, what was known then."),
        filename: str = typer.Argument(help="The sample."),
        json: bool = _JSON,
    ) -> None:
        """Who or which model said each thing about a sample, when, and from what."""
        platform = opened()
        name, _, number = dataset.partition("@")
        version = version_number(platform, dataset)[1] if number else None
        found = platform.annotations.get(name, filename=filename, version=version)
        if json:
            typer.echo(found.model_dump_json(indent=2))
            return
        echo(_headline(found, dataset))
        table([_blamed(b, found) for b in found.blame], empty="nothing is said about it")


def _add_edits(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def edits(  # noqa: PLR0913 (the filters)
        dataset: str,
        filename: str = _FILE,
        object: str = _OBJECT,
        by: str = _BY,
        session: str = _SESSION,
        model: str = _MODEL,
        since: str = _SINCE,
        limit: int = typer.Option(50, min=1, max=1000),
        json: bool = _JSON,
    ) -> None:
        """Who changed which label, newest first. Imports are no edits: see blame and log."""
        found = opened().annotations.history(
            dataset, filename=filename, object=object, by=by, session=session, model=model,
            since=_moment(since), limit=limit,
        )  # fmt: skip
        if json:
            typer.echo(found.model_dump_json(indent=2))
            return
        table([_edited(c) for c in found.items], empty="no label was edited")
        if found.next is not None:
            echo(f"… and older ones: --limit; viseon annotations history {dataset} has pages")


def _add_undo(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def undo(  # noqa: PLR0913 (the filters)
        dataset: str,
        filename: str = _FILE,
        object: str = _OBJECT,
        by: str = _BY,
        session: str = _SESSION,
        model: str = _MODEL,
        since: str = _SINCE,
        force: bool = typer.Option(False, "--force", help="Even what others changed later."),
        dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would happen."),
        json: bool = _JSON,
    ) -> None:
        """Take back the edits of a sample, an object, a user, a session or a model."""
        found = opened().annotations.revert(
            dataset, filename=filename, object=object, by=by, session=session, model=model,
            since=_moment(since), force=force, dry_run=dry_run,
        )  # fmt: skip
        if json:
            typer.echo(found.model_dump_json(indent=2))
            return
        _say(found)
        if found.changed and not dry_run:
            echo(f"Next: viseon diff {dataset} --semantic, then viseon commit {dataset}")


def _headline(found: Labelled, ref: str) -> str:
    said = f"annotation {found.digest[:12]}" if found.digest else "not annotated"
    size = f"{found.width} by {found.height} pixels, " if found.width else ""
    return f"{ref}  {found.filename}  {size}{said}"


def _blamed(b: Blame, found: Labelled) -> tuple[str, ...]:
    what = b.object if b.part == "object" else {"classes": "picture"}.get(b.part, b.part)
    at = f"{b.at:%Y-%m-%d %H:%M}" if b.at else ""
    return (what, b.class_name, b.by or "unknown", at, maker_in_words(b, found.dataset))


def _edited(c: LabelChange) -> tuple[str, ...]:
    who = f"{c.by} with {c.model}" if c.model else c.by
    session = c.session and f"[{c.session}]"
    number = f"#{c.number}" if c.number else ""
    at = f"{c.at:%Y-%m-%d %H:%M}"
    return (number, at, who, session, c.filename, change_in_words(c))


def _say(found: Reverted) -> None:
    table([(c.filename, change_in_words(c)) for c in found.changes], empty="nothing to take back")
    for kept in found.kept:
        echo(f"kept: {kept.change.filename}  {change_in_words(kept.change)}: {kept.why}")
    verb = "would be changed" if found.dry_run else "changed"
    echo(f"{counted(found.changed, 'label')} of {counted(found.samples, 'sample')} {verb}")
    if found.conflicts:
        echo(f"{counted(found.conflicts, 'edit')} kept: --force takes them back as well")


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    if ago := re.fullmatch(r"(\d+)([mhd])", text):
        return datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fix = "such as 2026-11-21, 2026-11-21T08:00 or 2h"
        raise Invalid(f"--since: {text!r} is no time", fix=fix) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
