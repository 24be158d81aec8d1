"""`viseon`: porcelain people type all day, and under it every operation by noun."""

import errno
import gc
import os
import sys
from functools import cache
from typing import NoReturn

import typer

from viseon import __version__
from viseon.cli.data import add_data
from viseon.cli.deletion import add_deletion
from viseon.cli.demo import add_demo
from viseon.cli.deploy import add_deploy
from viseon.cli.describe import add_describe
from viseon.cli.find import add_find
from viseon.cli.health import add_health
from viseon.cli.history import add_history
from viseon.cli.labels import add_labels
from viseon.cli.models import add_models
from viseon.cli.plumbing import Opened, add_plumbing
from viseon.cli.recipes import add_derive
from viseon.cli.serve import add_serve
from viseon.cli.share import add_share
from viseon.cli.track import add_track
from viseon.cli.train import add_train
from viseon.cli.verify import add_verify
from viseon.cli.watch import add_events, add_watch
from viseon.cli.worker import add_worker
from viseon.client import connect
from viseon.platform import Platform
from viseon.schema import ViseonError

HELP = """Production computer vision, self-hosted: capture, version, train, serve, stream, count,
and back. Start with `viseon demo`."""


RARELY = 10_000
"""Objects after which garbage is looked for. Python's 700 are a tenth of an import's time."""


def main() -> NoReturn:
    """Entry point. Our errors become one line on stderr and exit code 1."""
    try:
        build_cli(open_platform)(standalone_mode=True)
    except ViseonError as error:
        sys.stderr.write(f"Error: {error.message}\n")
        if error.fix:
            sys.stderr.write(f"  fix: {error.fix}\n")
        raise SystemExit(1) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
        sys.stderr.write(f"Error: a disk that is written to is full{where}\n")
        sys.stderr.write("  fix: free some space there, or name a place on another disk\n")
        raise SystemExit(1) from None
    raise SystemExit(0)


@cache
def open_platform() -> Platform:
    """`VISEON_SERVER` set means remote, otherwise this machine."""
    workspace = os.environ.get("VISEON_WORKSPACE") or None
    if server := os.environ.get("VISEON_SERVER"):
        token = os.environ.get("VISEON_TOKEN", "")
        return connect(server, token=token, workspace=workspace)
    from viseon import app  # the store's libraries load only when used

    opened = app.open(workspace=workspace)
    gc.freeze()  # code stays loaded: looking through it for garbage costs 0.07 s each time
    gc.set_threshold(RARELY)
    return opened


def build_cli(opened: Opened) -> typer.Typer:
    """The commands of a platform."""
    cli = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
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

    add_data(cli, opened)
    add_find(cli, opened)
    add_describe(cli, opened)
    add_history(cli, opened)
    add_labels(cli, opened)
    add_verify(cli, opened)
    add_share(cli, opened)
    add_health(cli, opened)
    add_deletion(cli, opened)
    add_derive(cli, opened)
    add_train(cli, opened)
    add_deploy(cli, opened)
    add_watch(cli, opened)
    add_demo(cli)
    add_track(cli)
    add_serve(cli)
    add_worker(cli)
    groups = add_plumbing(cli, opened)
    add_models(groups["models"], opened)
    add_events(groups["events"], opened)
    return cli
