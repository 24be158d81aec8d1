"""Where a dataset stands and how to go back: status, tag, revert, fork, certificate."""

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.refs import find_version, version_number
from viseon.cli.show import echo, table
from viseon.datasets.history import Status
from viseon.schema import Certificate

PANEL = "Data"
_VERSION = typer.Argument(help="shop@3, shop@golden, or shop for the latest.")


def add_history(cli: typer.Typer, opened: Opened) -> None:
    """Add the commands."""
    _add_status(cli, opened)
    _add_tag(cli, opened)
    _add_ways_back(cli, opened)
    _add_certificate(cli, opened)


def _add_status(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def status(
        dataset: str, json: bool = typer.Option(False, "--json", help="JSON on stdout.")
    ) -> None:
        """What a commit would freeze now, and which samples are quarantined."""
        found = opened().datasets.status(dataset)
        typer.echo(found.model_dump_json(indent=2) if json else _standing(found))


def _add_tag(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def tag(version: str = _VERSION, tag: str = typer.Argument(help="Such as golden.")) -> None:
        """Name a version; the name leaves any other version of the dataset."""
        platform = opened()
        done = platform.datasets.tag(*version_number(platform, version), tag=tag)
        typer.echo(f"{done.ref} is {done.dataset}@{tag}")


def _add_ways_back(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def revert(
        version: str = _VERSION,
        force: bool = typer.Option(False, "--force", help="Lose what was never committed."),
    ) -> None:
        """Make the working area what a version holds; committed, it has the same fingerprint."""
        platform = opened()
        name, number = version_number(platform, version)
        found = platform.datasets.revert(name, number, force=force)
        typer.echo(_standing(found))
        if found.pending:
            echo(f'Next: viseon commit {name} -m "back to {name}@{number}"')

    @cli.command(rich_help_panel=PANEL)
    def fork(version: str = _VERSION, name: str = typer.Argument(help="The new dataset.")) -> None:
        """Begin a new dataset as this version: equal rows, splits and fingerprint."""
        platform = opened()
        made = platform.datasets.fork(*version_number(platform, version), name=name)
        typer.echo(f"{made.ref}  {made.fingerprint}  {made.samples} samples")


def _add_certificate(cli: typer.Typer, opened: Opened) -> None:
    @cli.command(rich_help_panel=PANEL)
    def certificate(
        version: str = _VERSION, json: bool = typer.Option(False, "--json", help="JSON on stdout.")
    ) -> None:
        """What was checked so that nothing leaks from one split into another."""
        platform = opened()
        found = platform.datasets.certificate(*version_number(platform, version))
        if json:
            typer.echo(found.model_dump_json(indent=2))
            return
        stated = find_version(platform, f"{found.dataset}@{found.number}").certificate
        typer.echo(f"{found.dataset}@{found.number}  {found.fingerprint}")
        table(_facts(found), empty="")
        _balance(found)
        if found.digest != stated:
            echo(f"This is not the certificate the version was given: {stated}")
            raise typer.Exit(1)


def _standing(found: Status) -> str:
    lines = [f"{found.dataset}: {f'at version {found.head}' if found.head else 'never committed'}"]
    counts = [f"{n} {kind}" for kind, n in sorted(found.pending.items())]
    lines.append(f"a commit would freeze: {', '.join(counts) or 'nothing new'}")
    lines += [f"quarantined: {q.filename}: {q.why}" for q in found.quarantined]
    return "\n".join(lines)


def _facts(found: Certificate) -> list[tuple[str, ...]]:
    asked = ", ".join(f"{100 * share:.0f} % {split}" for split, share in found.ratios.items())
    rows: list[tuple[str, ...]] = [("rule", rule) for rule in found.rules]
    rows.append(("splits", ", ".join(f"{n} {split}" for split, n in found.splits.items())))
    rows.append(("asked for", asked))
    if found.near is not None:
        rows.append(("compared", f"{found.compared} different pictures"))
        rows.append(("nearest pair", _nearest(found)))
    rows.append(("crossing", f"{found.crossing} pairs"))
    rows += [("quarantined", f"{q.filename}: {q.why}") for q in found.quarantined]
    rows.append(("digest", found.digest))
    return rows


def _nearest(found: Certificate) -> str:
    pair = found.nearest
    if pair is None:
        return "none comes near another split"
    return (
        f"{pair.bits} of 128 bits: {pair.one[:12]}… in {pair.one_split}, "
        f"{pair.other[:12]}… in {pair.other_split}"
    )


def _balance(found: Certificate) -> None:
    if found.balance:
        splits = list(found.splits)
        rows = [("objects", *splits)]
        rows += [
            (name, *(str(of.get(split, 0)) for split in splits))
            for name, of in found.balance.items()
        ]
        table(rows, empty="")
