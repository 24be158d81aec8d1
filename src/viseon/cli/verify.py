"""`viseon verify shop@3`, or a pulled folder, or a bundle: is it still what it promises?"""

import re
from pathlib import Path
from typing import get_args

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.refs import find_version
from viseon.cli.show import table
from viseon.datasets.bundle_copy import BundleCopy
from viseon.datasets.folder_copy import ASIDE, FolderCopy
from viseon.datasets.offline import failed, verify_copy
from viseon.datasets.verify import Verification, Where
from viseon.schema import Invalid

PANEL = "Data"
_LOOKED_AT = {
    "form": "complete, and nothing in it that cannot be",
    "manifest": "its SHA-256 is the fingerprint",
    "certificate": "speaks about this version, these splits, these classes",
    "bytes": "every file read and hashed again",
    "labels": "every annotation hashed again",
    "leakage": "bytes, sessions, cameras and look-alikes across splits",
    "strays": "nothing that is not the version's",
}


def add_verify(cli: typer.Typer, opened: Opened) -> None:
    """Add the command."""

    @cli.command(rich_help_panel=PANEL)
    def verify(
        what: str = typer.Argument(help="shop@3; or a pulled folder, or a bundle: needs no store."),
        fingerprint: str = typer.Option("", help="What it has to be, from a place you trust."),
        certificate: str = typer.Option("", help="The certificate's SHA-256, likewise."),
        json: bool = typer.Option(False, "--json", help="JSON on stdout."),
    ) -> None:
        """Read every byte and label again; exit code 1 and the first that differs."""
        fingerprint = _digest("fingerprint", fingerprint)
        certificate = _digest("certificate", certificate)
        found = _copy(Path(what), fingerprint) if _is_copy(what) else _version(opened, what)
        if fingerprint and found.fingerprint != fingerprint:
            found = _differs(found, "manifest", f"its fingerprint is {found.fingerprint}")
        if certificate and found.certificate != certificate:
            said = found.certificate or "missing"
            found = _differs(found, "certificate", f"the certificate is {said}")
        if json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            _say(found, of_copy=_is_copy(what))
        if not found.ok:
            raise typer.Exit(1)


def _digest(name: str, text: str) -> str:
    if text and not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise Invalid(f"--{name}: {text!r} is no SHA-256", fix="all 64 hexadecimal digits")
    return text.lower()


def _differs(found: Verification, where: Where, problem: str) -> Verification:
    """Unless something that comes before is wrong already."""
    if not found.ok:
        return found
    problem = f"{problem}, not what was asked for"
    return found.model_copy(update={"ok": False, "problem": problem, "where": where})


def _version(opened: Opened, ref: str) -> Verification:
    platform = opened()
    version = find_version(platform, ref)
    return platform.datasets.verify(version.dataset, version.number)


def _is_copy(what: str) -> bool:
    path = Path(what).expanduser()
    return path.is_file() or (path / ASIDE).is_dir() or "/" in what or what.endswith(".tar")


def _copy(path: Path, fingerprint: str) -> Verification:
    from viseon import app  # the store's libraries load only when used

    path = path.expanduser()
    if path.is_dir():
        return verify_copy(FolderCopy(path), app.images(), expected=fingerprint)
    try:
        with BundleCopy(path) as copy:
            expected = fingerprint or copy.described.fingerprint
            return verify_copy(copy, app.images(), expected=expected)
    except Invalid as error:
        return failed(path.name, error)


def _say(found: Verification, *, of_copy: bool) -> None:
    rows, reached = [], True
    for stage in get_args(Where)[1:]:
        if stage in ("form", "strays") and not of_copy:
            continue
        said = "ok" if reached else "?"
        detail = _LOOKED_AT[stage] if reached else "not looked at"
        if stage == found.where:
            said, detail, reached = "DIFFERS", found.problem, False
        elif reached and stage == "certificate" and found.certificate is None:
            said, detail = "none", "nothing says by which rules the splits were made"
        rows.append((stage, said, detail))
    verdict = "whole" if found.ok else "NOT whole"
    erased = f", {found.erased} of them erased" if found.erased else ""
    known = f": {found.samples} samples{erased}, {found.fingerprint}"
    typer.echo(f"{found.version} is {verdict}{'' if found.where == 'form' else known}")
    table(rows, empty="")
