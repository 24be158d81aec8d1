"""Getting rid of data: `viseon delete`, `restore`, `gc`, `erase`."""

import re

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.show import echo
from viseon.schema import Collected, Erasure, Invalid

PANEL = "Data"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DIGEST = re.compile(r"[0-9a-f]{64}")


def add_deletion(cli: typer.Typer, opened: Opened) -> None:
    """Add the commands."""
    _add_delete(cli, opened)
    _add_gc(cli, opened)
    _add_erase(cli, opened)


def _add_delete(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def delete(
        dataset: str,
        force: bool = typer.Option(False, "--force", help="Even if models learned from it."),
    ) -> None:
        """Put a dataset aside; `viseon restore` brings it back until `viseon gc` removes it."""
        opened().datasets.delete(dataset, force=force)
        echo(f"deleted; until it is collected: viseon restore {dataset}")

    @cli.command(rich_help_panel=PANEL)
    def restore(dataset: str) -> None:
        """Bring a deleted dataset back, with all its versions."""
        found = opened().datasets.restore(dataset)
        echo(f"{dataset} is back, at version {found.head}")


def _add_gc(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def gc(
        dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would go."),
        grace: str = typer.Option("7d", help="Leave what is younger: such as 7d, 12h, 30m."),
        json: bool = typer.Option(False, "--json", help="JSON on stdout."),
    ) -> None:
        """Remove what nothing needs any more: files, labels, datasets deleted long enough ago."""
        job = opened().storage.collect(dry_run=dry_run, grace_s=_seconds(grace))
        found = Collected.model_validate(job.wait(progress=True).result)
        typer.echo(found.model_dump_json(indent=2) if json else _in_words(found))


def _add_erase(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def erase(
        what: list[str] = typer.Argument(help="Digests of files; or DATASET FILENAME."),
        reason: str = typer.Option(..., "--reason", help="Kept in the audit record."),
        yes: bool = typer.Option(False, "--yes", help="Do not ask: there is no way back."),
    ) -> None:
        """Erase files for ever, in every dataset and version; a tombstone remains."""
        if not yes:
            typer.confirm(f"Erase {' '.join(what)} for ever?", abort=True)
        storage = opened().storage
        if all(_DIGEST.fullmatch(word) for word in what):
            job = storage.erase(digests=tuple(what), reason=reason)
        elif len(what) == 2:  # noqa: PLR2004 (dataset and filename)
            job = storage.erase(dataset=what[0], filename=what[1], reason=reason)
        else:
            raise Invalid(f"{' '.join(what)!r} is neither", fix="digests, or DATASET FILENAME")
        found = Erasure.model_validate(job.wait(progress=True).result)
        typer.echo(found.model_dump_json(indent=2))
        gone = len(found.digests) + len(found.derived)
        echo(f"{gone} files erased from {len(found.versions)} versions")
        if found.models:
            echo(f"these models learned from them: {', '.join(found.models)}")


def _seconds(text: str) -> float:
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if matched is None:
        raise Invalid(f"--grace: {text!r} is no time", fix="such as 7d, 12h, 30m or 0")
    return float(matched[1]) * _UNITS[matched[2] or "s"]


def _in_words(found: Collected) -> str:
    verb = "would remove" if found.dry_run else "removed"
    lines = [f"{verb} {found.removed} files ({_size(found.removed_bytes)})"]
    lines += [f"  {digest}" for digest in found.examples]
    if found.removed > len(found.examples):
        lines.append(f"  … and {found.removed - len(found.examples)} more")
    lines += [f"{verb} dataset {name} and all its versions" for name in found.datasets]
    for what in ("labels", "looks", "results", "temporary"):
        if count := getattr(found, what):
            lines.append(f"{verb} {count} {_WORDS[what]}")
    why = ", ".join(f"{n} by {reason}" for reason, n in found.reasons.items())
    lines.append(f"kept {found.kept} files ({_size(found.kept_bytes)})" + (why and f": {why}"))
    for name, dependents in found.guarded.items():
        lines.append(f"kept dataset {name}: {', '.join(dependents[:3])} learned from it")
    return "\n".join(lines)


_WORDS = {
    "labels": "annotations that no sample has",
    "looks": "perceptual hashes of files that are gone",
    "results": "remembered recipe results",
    "temporary": "unfinished files",
}


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004 (decimal units)
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
