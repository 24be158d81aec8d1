"""As much of a DVC repository as an export has to know: its cache, and what git is to ignore."""

from collections.abc import Iterable
from configparser import ConfigParser
from configparser import Error as BadConfig
from pathlib import Path

from viseon.schema import Invalid


def cache_of(folder: Path) -> Path:
    """The cache of the repository around a folder, as its configuration says.

    Raises Invalid where there is none.
    """
    found = next((at / ".dvc" for at in (folder, *folder.parents) if (at / ".dvc").is_dir()), None)
    if found is None:
        raise Invalid(
            f"{folder} is in no DVC repository",
            fix="git init && dvc init there first; or --cache FOLDER, a DVC cache or local remote",
        )
    told = ""
    for name in ("config", "config.local"):
        told = _cache_said(found / name) or told
    return (found / (told or "cache")).expanduser()


def ignore(folder: Path) -> None:
    """Keep a folder that DVC tracks out of git, as `dvc add` does."""
    if not any((at / ".git").exists() for at in folder.parents):
        return
    path, line = folder.with_name(".gitignore"), f"/{folder.name}"
    said = path.read_text(encoding="utf-8") if path.is_file() else ""
    if line not in said.splitlines():
        end = "" if not said or said.endswith("\n") else "\n"
        path.write_text(f"{said}{end}{line}\n", encoding="utf-8")


def keeps(store: Path, md5s: Iterable[str]) -> bool:
    """Whether everything lies in a cache."""
    return all((store / md5[:2] / md5[2:]).is_file() for md5 in md5s)


def _cache_said(path: Path) -> str:
    parser = ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        parser.read(path, encoding="utf-8")
    except (BadConfig, UnicodeDecodeError) as error:
        raise Invalid(f"{path}: it cannot be read", fix="name the cache: --cache FOLDER") from error
    return parser.get("cache", "dir", fallback="") or ""
