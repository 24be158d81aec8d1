"""`viseon demo`: the whole idea on one page, in one command."""

import contextlib
import socket
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from viseon.cli.serve import listen
from viseon.cli.show import Bar, echo, table
from viseon.schema import Failed, Invalid, Model

if TYPE_CHECKING:
    from viseon.app import House
    from viseon.demo import Outcome, Past

HOME = Path("~/.viseon/demo")


def add_demo(cli: typer.Typer) -> None:
    """Add the command."""

    @cli.command(rich_help_panel="Run")
    def demo(  # noqa: PLR0913  # they are its options
        port: int = typer.Option(8000, min=0, max=65535, help="0 picks a free one."),
        home: Path = typer.Option(HOME, help="Its own store, kept for the next start."),
        open: bool = typer.Option(False, "--open/--no-open", help="Show it in the browser."),
        headless: bool = typer.Option(False, help="No page: count, and compare with the truth."),
        seconds: float = typer.Option(60.0, min=2, max=3600, help="Of the scene, if headless."),
        out: Path = typer.Option(None, help="Folder for events and overlay, if headless."),
        train: bool = typer.Option(False, help="Train the model here first: viseon[train]."),
    ) -> None:
        """See it work: a street with known truth, a live page, events traced to their origin."""
        from viseon.app import House  # the server's libraries load only when used
        from viseon.demo import register
        from viseon.settings import Settings

        if out is not None and not headless:
            raise Invalid("out: only the headless demo writes files", fix="add --headless")
        listener = None if headless else listen("127.0.0.1", port)
        house = House(Settings.read(home=home, database="", auth="open"))
        try:
            model = _trained(house) if train else register(house)
            echo(f"store    {house.settings.home}")
            echo(f"model    {model.ref}, {model.size // 1000} KB")
            if listener is None:
                _count(house, model, seconds, out)
            else:
                _serve(house, model, listener, browser=open)
        finally:
            house.close()


def _serve(house: "House", model: Model, listener: socket.socket, *, browser: bool) -> None:
    from viseon.cli.server import run_server
    from viseon.demo import Serving

    serving = Serving(house, model)

    def ready(url: str) -> None:
        echo(f"page     {url}   (Ctrl-C ends it)")
        threading.Thread(target=_tell_past, args=(serving.past,), daemon=True).start()
        if browser:
            threading.Thread(target=_show, args=(url,), daemon=True).start()

    serving.start()
    try:
        run_server(house, listener, routers=(serving.routes(),), ready=ready)
    finally:
        serving.stop()


def _show(url: str) -> None:
    with contextlib.suppress(webbrowser.Error, OSError):  # then people open it themselves
        webbrowser.open(url)


def _tell_past(past: "Past") -> None:
    ended = past.wait()
    if ended.problem:
        echo(f"data     {ended.problem}")
    elif ended.done >= 1:
        echo("data     drawn again to the last bit: its fingerprint is the one the model names")


def _count(house: "House", model: Model, seconds: float, out: Path | None) -> None:
    from viseon.demo import Past, run_headless

    past = Past(house.settings.home)
    past.start()
    try:
        with Bar() as bar:
            outcome = run_headless(house, model, seconds=seconds, out=out, say=bar)
        _tell_past(past)
    finally:
        past.stop()
    _compare(outcome)
    if out is not None:
        echo(f"events and overlay are in {out}")
    if not outcome.agrees:
        wrong = ", ".join(row.what for row in outcome.rows if not row.same)
        raise Failed(f"counted differently from the truth: {wrong}")


def _compare(outcome: "Outcome") -> None:
    rows = [("", "counted", "truth", "")]
    rows += [(r.what, r.counted, r.truth, "ok" if r.same else "WRONG") for r in outcome.rows]
    table(rows, empty="")
    echo(f"{outcome.frames} frames, {outcome.events} events")


def _trained(house: "House") -> Model:
    from viseon.demo import train

    with Bar() as bar:

        def tell(line: str) -> None:
            bar.clear()
            echo(line)

        return train(house.platform(), bar, tell)
