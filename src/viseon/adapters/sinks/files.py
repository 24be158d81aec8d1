"""Paths that sinks write to."""

from pathlib import Path

from viseon.schema import Invalid


def ready(path: Path) -> Path:
    """The same path, its folder made. Raises Invalid where no file can be."""
    if path.is_dir():
        raise Invalid(f"{path} is a folder", fix=f"name a file in it, such as {path / 'events'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(
            f"cannot make the folder {path.parent}: {error.strerror}", fix="choose another path"
        ) from error
    return path


def part_of(path: Path) -> Path:
    """Where to write a file that is of no use until it is whole.

    Always the same, so that what a killed process left behind is overwritten by the next.
    """
    return path.with_name(f".{path.stem}.part{path.suffix}")
