"""A version for teams on git and DVC: the folder, its `.dvc` file, and what DVC keeps of it.

What DVC 3 writes and expects (https://dvc.org/doc/user-guide/project-structure): `shop.dvc` in git
names the MD5 of a listing of `shop/`; the cache has the listing and each file under their MD5, as
`files/md5/ab/cdef…`. Any folder with that layout can be a cache or a remote. DVC itself is not
needed here.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from viseon.datasets.dvc_repository import cache_of, ignore, keeps
from viseon.datasets.folder_copy import ASIDE
from viseon.datasets.materialise import THREADS, linked
from viseon.datasets.transfer import Options, Place, Progress, certificate_of, pull
from viseon.overlap import overlapped
from viseon.schema import Conflict, Invalid, Version

_PULLING = 0.6
"""The share of the work that is done when the files are written."""

_TAKEN = {".dvc", ".git", ".hg"}
"""Folders that DVC never looks into."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """A version as DVC knows it."""

    version: Version
    note: Path
    """The `.dvc` file: what goes into git."""
    md5: str
    """Of the listing, with `.dir` behind it."""
    size: int
    files: int
    cache: Path
    """Where the files lie under their MD5."""


def export_dvc(  # noqa: PLR0913 (one per fact)
    platform: Place,
    dataset: str,
    version: int | None = None,
    *,
    into: str | Path,
    cache: str | Path | None = None,
    format: str | None = None,
    options: Options = {},  # noqa: B006 (read only)
    progress: Progress | None = None,
) -> Tracked:
    """Write a version as a folder that DVC tracks; the latest when `version` is None.

    Files get their names, and manifest, annotations and certificate go to `.viseon/`, so that
    `viseon verify` can check the folder; with `format` files and labels are laid out in that
    format, and `.viseon/` has manifest and certificate. `<into>.dvc` and `.gitignore` beside it are
    for git. `cache` is a DVC cache or local remote; by default that of the repository around
    `into`. Equal versions give equal bytes. A folder that was exported before is replaced if DVC
    has all that is in it. Raises Conflict if not, Invalid where there is no repository or where
    DVC cannot have a file of that name.
    """
    root = Path(into).expanduser().absolute()
    store = cache_of(root.parent) if cache is None else Path(cache).expanduser().absolute()
    store = store / "files" / "md5"
    note = root.with_name(f"{root.name}.dvc")
    say = progress or _silence
    _check_replaceable(root, note, store)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".viseon-dvc-") as scratch:
        made = Path(scratch, "new")
        found = pull(
            platform, dataset, version, into=made, format=format, options=options, link="copy",
            progress=lambda done, stage: say(_PULLING * done, stage),
        )  # fmt: skip
        if format is not None:
            _add_books(platform, found, made)
        names = _names(made)
        _check_names(names)
        listed = []
        for done, entry in enumerate(_kept(made, names, store), 1):
            listed.append(entry)
            say(_PULLING + (1 - _PULLING) * done / len(names), "filling DVC's cache")
        listing = _listing(listed)
        md5 = f"{_md5(listing)}.dir"
        with _arriving(_place(store, md5)) as path:
            path.write_bytes(listing)
        size = sum((made / name).stat().st_size for name in names)
        said = {"md5": md5, "size": size, "nfiles": len(names), "hash": "md5", "path": root.name}
        _write_note(note, said, found, format)
        ignore(root)
        if root.exists():
            os.rename(root, Path(scratch, "old"))
        os.rename(made, root)
    return Tracked(found, note, md5, size, len(names), store)


def _add_books(platform: Place, version: Version, folder: Path) -> None:
    """Manifest and certificate; the labels are in the layout."""
    aside = folder / ASIDE
    aside.mkdir(exist_ok=True)
    manifest = platform.datasets.manifest(version.dataset, version.number)
    (aside / "manifest.jsonl").write_bytes(platform.blobs.get(manifest))
    if certificate := certificate_of(platform, version):
        (aside / "certificate.json").write_bytes(certificate)


def _names(root: Path) -> list[str]:
    found = (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
    return sorted(path.relative_to(root).as_posix() for path in found)


def _check_names(names: Sequence[str]) -> None:
    """DVC passes over some names, and takes others for files of its own."""
    for name in names:
        *folders, last = name.split("/")
        own = last in ("dvc.yaml", "dvc.lock", ".dvcignore") or last.endswith(".dvc")
        if own or not _TAKEN.isdisjoint([*folders, last]):
            raise Invalid(
                f"{name}: DVC cannot track a file of this name: it is one of its own",
                fix="give the sample another name, or share the version with viseon bundle",
            )


def _kept(root: Path, names: Sequence[str], store: Path) -> Iterator[tuple[str, str]]:
    """The name and MD5 of each file, which is in the cache then."""

    def keep(name: str) -> tuple[str, str]:
        md5 = _hashed(root / name)
        target = _place(store, md5)
        if not target.is_file() or target.stat().st_size != (root / name).stat().st_size:
            with _arriving(target) as path:
                if not linked("reflink", root / name, path):
                    shutil.copyfile(root / name, path)
        return name, md5

    return overlapped(keep, names, threads=THREADS)


def _place(store: Path, md5: str) -> Path:
    return store / md5[:2] / md5[2:]


@contextmanager
def _arriving(target: Path) -> Iterator[Path]:
    """A name beside `target` that becomes it, read-only as DVC has it, when all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".viseon-") as scratch:
        path = Path(scratch, "part")
        yield path
        path.chmod(0o444)
        os.replace(path, target)


def _listing(entries: Sequence[tuple[str, str]]) -> bytes:
    """What DVC writes about a folder: sorted by path, ASCII."""
    return json.dumps([{"md5": md5, "relpath": name} for name, md5 in sorted(entries)]).encode()


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _hashed(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _check_replaceable(root: Path, note: Path, store: Path) -> None:
    """Nothing is overwritten that DVC could not bring back."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return
    if not root.is_dir():
        raise Conflict(f"{root} is there already, and no folder", fix="name another")
    names = _names(root)
    listing = _listing([(name, _hashed(root / name)) for name in names])
    md5 = f"{_md5(listing)}.dir"
    if md5 != _first_out(_read_note(note)).get("md5"):
        raise Conflict(
            f"{root} is there already, and is not what {note.name} says",
            fix="look with dvc status, then dvc checkout or dvc commit; or name a new folder",
        )
    if not keeps(store, [md5, *(entry["md5"] for entry in json.loads(listing))]):
        raise Conflict(
            f"{root} is there already, and the DVC cache {store.parents[1]} lacks some of it",
            fix="dvc commit there, or name a new folder",
        )


def _write_note(note: Path, out: dict[str, Any], version: Version, format: str | None) -> None:
    """What is said beside that, by DVC's users, stays."""
    said = _read_note(note)
    viseon = {"version": version.ref, "fingerprint": version.fingerprint}
    if version.effective_fingerprint is not None:
        viseon["effective_fingerprint"] = version.effective_fingerprint
    if version.certificate is not None:
        viseon["certificate"] = version.certificate
    if format is not None:
        viseon["format"] = format
    document = {
        **said,
        "outs": [{**_first_out(said), **out}],
        "meta": {**(said.get("meta") or {}), "viseon": viseon},
    }
    part = note.with_name(f".{note.name}.part")
    part.write_text(
        yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000),
        encoding="utf-8",
    )
    os.replace(part, note)


def _read_note(note: Path) -> dict[str, Any]:
    if not note.is_file():
        return {}
    try:
        found = yaml.safe_load(note.read_bytes())
    except yaml.YAMLError as error:
        raise Invalid(f"{note}: it cannot be read: {error}", fix="mend or remove it") from error
    outs = found.get("outs") if isinstance(found, dict) else None
    if not (isinstance(outs, list) and len(outs) == 1 and isinstance(outs[0], dict)):
        raise Invalid(f"{note}: it is no .dvc file of one folder", fix="name another folder")
    return dict(found)


def _first_out(said: dict[str, Any]) -> dict[str, Any]:
    return dict(said["outs"][0]) if said else {}


def _silence(done: float, stage: str) -> None:
    """Nobody asked."""
