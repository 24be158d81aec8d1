"""`viseon track`: for people who want only this: a video in, tracks and counts out."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from viseon.cli.models import name_of, names_in
from viseon.cli.show import Bar, draw_status, echo
from viseon.schema import Failed, Invalid, NotFound, StreamState

if TYPE_CHECKING:
    from viseon.app import House

PANEL = "Run"


def add_track(cli: typer.Typer) -> None:
    """Add the command."""

    @cli.command(rich_help_panel=PANEL)
    def track(  # noqa: PLR0913 (each is an option people type)
        video: Path = typer.Argument(help="A video file."),
        model: str = typer.Option(..., "--model", "-m", help="An ONNX file, or NAME@NUMBER."),
        classes: Path | None = typer.Option(None, help="File with one class name per line."),
        only: list[str] = typer.Option([], help="Class to track; repeat it. All by default."),
        line: list[str] = typer.Option(
            [], help="NAME=x1,y1,x2,y2 as fractions of the frame; repeat it."
        ),
        zone: list[str] = typer.Option(
            [], help="NAME=x,y,x,y,x,y… as fractions of the frame; repeat it."
        ),
        tracker: str = typer.Option("bytetrack", help="bytetrack, sort, ocsort …"),
        out: Path | None = typer.Option(None, "--out", "-o", help="Write the video with overlay."),
        events: Path | None = typer.Option(None, help="Write the events as JSON lines."),
    ) -> None:
        """Track what is in a video; count what crosses lines and stays in zones."""
        if not video.is_file():
            raise NotFound(f"video: there is no file {video}", fix="check the path")
        document = {
            "stream": "track",
            "source": {"kind": "video", "path": str(video.resolve())},
            "tracker": {"kind": tracker},
            "detect": {"classes": only},
            **_areas(line, zone),
            "sinks": _sinks(out, events),
        }
        _run(document, model, classes)


def _run(document: dict[str, Any], model: str, classes: Path | None) -> None:
    from viseon.app import House  # the store's libraries load only when used
    from viseon.settings import Settings

    path = Path(model)
    if path.suffix != ".onnx" and not path.exists():
        house = House(Settings.read())
        try:
            _play(house, document | {"model": house.platform().models.get(model).ref})
        finally:
            house.close()
        return
    if not path.is_file():
        raise NotFound(f"--model: there is no file {path}", fix="check the path to the ONNX file")
    with tempfile.TemporaryDirectory(prefix="viseon-track-") as folder:
        house = House(Settings(home=Path(folder)))
        try:
            platform = house.platform()
            onnx = platform.blobs.add(path)
            added = platform.models.add(name=name_of(path), onnx=onnx, classes=names_in(classes))
            _play(house, document | {"model": added.ref})
        finally:
            house.close()


def _play(house: "House", document: dict[str, Any]) -> None:
    applied = house.platform().streams.apply(document=json.dumps(document), filename="options")
    with Bar() as bar:
        status = house.run_stream(applied, on_message=lambda m: draw_status(bar, m))
    if status.state is StreamState.FAILED:
        raise Failed(status.reason)
    typer.echo(json.dumps({"frames": status.frames, **status.counts}, indent=2))
    echo(f"{status.frames} frames, {status.events} events")


def _sinks(out: Path | None, events: Path | None) -> list[dict[str, str]]:
    wanted = {"video": out, "jsonl": events}
    return [{"kind": k, "path": str(p.resolve())} for k, p in wanted.items() if p is not None]


def _areas(lines: list[str], zones: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"lines": {}, "zones": {}, "rules": []}
    for text in lines:
        name, points = _points("--line", text)
        if len(points) != 2:  # noqa: PLR2004
            raise Invalid(
                f"--line {text!r}: a line has two ends", fix="--line door=0.3,0.9,0.6,0.9"
            )
        found["lines"][name] = {"from": points[0], "to": points[1]}
        found["rules"].append({"when": "crossed", "line": name})
    for text in zones:
        name, points = _points("--zone", text)
        found["zones"][name] = {"polygon": points}
        found["rules"] += [{"when": kind, "zone": name} for kind in ("entered", "left")]
    return found


def _points(option: str, text: str) -> tuple[str, list[list[float]]]:
    name, _, numbers = text.rpartition("=")
    try:
        values = [float(v) for v in numbers.split(",")]
    except ValueError:
        values = []
    if not values or len(values) % 2:
        fix = f"{option} door=0.3,0.9,0.6,0.9"
        raise Invalid(f"{option} {text!r}: expected NAME=x,y,x,y…, fractions of the frame", fix=fix)
    name = name or option.lstrip("-")
    return name, [list(pair) for pair in zip(values[::2], values[1::2], strict=True)]
