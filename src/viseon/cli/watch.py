"""Streams and events from the command line: run, events, trace."""

import signal
from pathlib import Path

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.show import Bar, draw_status, echo, table
from viseon.schema import Event, Failed, NotFound, Stream, StreamState, Trace
from viseon.streams import Status

PANEL = "Run"


def add_watch(cli: typer.Typer, opened: Opened) -> None:
    """Add the commands."""

    @cli.command(rich_help_panel=PANEL)
    def run(
        file: Path = typer.Argument(help="The stream's YAML; relative paths in it begin there."),
    ) -> None:
        """Run a stream here, from its source's beginning to its end; Ctrl-C finishes it early."""
        if not file.is_file():
            raise NotFound(f"file: there is no file {file}", fix="check the path to the YAML")
        stream = opened().streams.apply(
            document=file.read_text(encoding="utf-8"),
            filename=file.name,
            directory=str(file.resolve().parent),
        )
        status = _run_here(stream)
        _summary(stream, status)
        if status.state is StreamState.FAILED:
            raise Failed(f"stream {stream.name!r}: {status.reason}")

    @cli.command(rich_help_panel=PANEL)
    def trace(event: str = typer.Argument(help="An event's id: see `viseon events`.")) -> None:
        """Follow an event back to the model, the run, the dataset version and its images."""
        found = opened().events.trace(event)
        for name, text in _chain(found):
            typer.echo(f"{name:<9}{text}")
        for note in found.notes:
            echo(f"note: {note}")


def add_events(group: typer.Typer, opened: Opened) -> None:
    """Let `viseon events` alone list the latest."""
    group.info.no_args_is_help = False

    @group.callback(invoke_without_command=True)
    def latest(
        context: typer.Context,
        stream: str = typer.Option("", help="Only of this stream."),
        limit: int = typer.Option(20, min=1, max=1000, help="How many."),
    ) -> None:
        """What streams noticed, newest first; each with its evidence."""
        if context.invoked_subcommand is None:
            found = opened().events.find(stream=stream, limit=limit).items
            table([_row(e) for e in found], empty="no events yet: viseon run STREAM.yaml")


def _run_here(stream: Stream) -> Status:
    from viseon.app import House  # the store's libraries load only when used
    from viseon.settings import Settings

    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    house = House(Settings.read())
    before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Bar() as bar:
            return house.run_stream(
                stream, on_message=lambda m: draw_status(bar, m), stopped=lambda: stopping
            )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        house.close()


def _summary(stream: Stream, status: Status) -> None:
    echo(f"{stream.name}: {status.frames} frames, {status.events} events, {status.state.value}")
    rows = [
        (where, *(f"{name} {count}" for name, count in sorted(counts.items())))
        for where, counts in sorted(status.counts.items())
    ]
    for row in rows:
        typer.echo("  ".join(row))
    if status.events:
        echo(f"Next: viseon events --stream {stream.name}, then viseon trace EVENT")


def _row(event: Event) -> tuple[str, ...]:
    way = f" {event.direction}" if event.direction else ""
    dwell = f"after {event.dwell_s:.1f} s" if event.dwell_s is not None else ""
    return (
        event.id,
        event.stream,
        f"{event.time_s:9.2f} s",
        f"{event.class_name} #{event.track_id}",
        f"{event.kind}{way} {event.where}",
        dwell,
    )


def _chain(trace: Trace) -> list[tuple[str, str]]:
    event, lines = trace.event, []
    way = f" {event.direction}" if event.direction else ""
    what = f"{event.class_name} #{event.track_id} {event.kind}{way} {event.where}"
    lines.append(("event", f"{what} in {event.stream} at {event.time_s:.2f} s"))
    lines.append(("", f"frame {event.frame_index}, at ({event.x:.3f}, {event.y:.3f}) of it"))
    if event.snapshot:
        lines.append(("", f"snapshot {event.snapshot}"))
    if trace.stream:
        number = f"{trace.stream.stream}@{trace.stream.number}"
        lines.append(("stream", f"{number}  configuration {trace.stream.config}"))
    if trace.model:
        lines.append(("model", f"{trace.model.ref}  {trace.model.digest}"))
        lines.append(("", f"onnx {trace.model.onnx}  licence {trace.model.licence}"))
    if trace.run:
        lines.append(("run", f"{trace.run.id}  {trace.run.trainer}, seed {trace.run.seed}"))
    if trace.version:
        version = trace.version
        lines.append(("version", f"{version.dataset}@{version.number}  {version.fingerprint}"))
        lines.append(("", f"{version.samples} samples  {version.message}"))
    lines += [("image", f"{s.digest}  {s.filename}") for s in trace.samples]
    return lines
