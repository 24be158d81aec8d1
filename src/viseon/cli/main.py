"""`viseon`: porcelain people type all day, and under it every operation by noun."""

import errno
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import NoReturn

import typer

from viseon import __version__
from viseon.cli.commands import EVERYTHING, NONE, add_commands
from viseon.cli.plumbing import Opened
from viseon.platform import Platform
from viseon.schema import ViseonError

HELP = """Production computer vision, self-hosted: capture, version, train, serve, stream, count,
and back. Start with `viseon demo`."""


RARELY = 10_000
"""Objects after which garbage is looked for. Python's 700 are a tenth of an import's time."""


_FULL = (
    "a disk that is written to is full",
    "free some space there, or name a place on another disk",
)
_DISK = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EIO: (
        "a disk failed while it was read or written",
        "see what the system's log says of it (dmesg), then try again; viseon verify tells whether"
        " what was committed is whole",
    ),
    errno.EROFS: (
        "a disk that is written to can only be read",
        "mount it for writing, or name a place on another disk",
    ),
}


def main() -> NoReturn:
    """Entry point. Our errors become one line on stderr and exit code 1."""
    try:
        with _loading():
            cli = build_cli(open_platform, _wanted(sys.argv[1:]))
        cli(standalone_mode=True)
    except ViseonError as error:
        sys.stderr.write(f"Error: {error.message}\n")
        if error.fix:
            sys.stderr.write(f"  fix: {error.fix}\n")
        raise SystemExit(1) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in _DISK:
            raise
        what, fix = _DISK[error.errno]
        where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
        sys.stderr.write(f"Error: {what}{where}\n  fix: {fix}\n")
        raise SystemExit(1) from None
    raise SystemExit(0)


@cache
def open_platform() -> Platform:
    """`VISEON_SERVER` set means remote, otherwise this machine."""
    workspace = os.environ.get("VISEON_WORKSPACE") or None
    if server := os.environ.get("VISEON_SERVER"):
        token = os.environ.get("VISEON_TOKEN", "")
        with _loading():
            from viseon.client import connect
        return connect(server, token=token, workspace=workspace)
    with _loading():
        from viseon import app  # the store's libraries load only when used

        opened = app.open(workspace=workspace)
    gc.set_threshold(RARELY)
    return opened


@contextmanager
def _loading() -> Iterator[None]:
    """Code stays loaded: looking for garbage in it takes a tenth of the time, now and later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _wanted(arguments: Sequence[str]) -> str:
    """The command that is asked for; "" for help on all."""
    if arguments == ["--version"]:
        return NONE
    first = next(iter(arguments), "")
    return EVERYTHING if first.startswith("-") else first


def build_cli(opened: Opened, name: str = EVERYTHING) -> typer.Typer:
    """The commands of a platform; `name` leaves only the one that is so called, if any is."""
    cli = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help=HELP,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )

    @cli.callback(invoke_without_command=True)
    def options(
        version: bool = typer.Option(False, "--version", help="Show the version and leave."),
    ) -> None:
        if version:
            typer.echo(f"viseon {__version__}")
            raise typer.Exit

    add_commands(cli, opened, name)
    return cli
