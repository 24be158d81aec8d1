"""What people see on the terminal: words on stderr, results on stdout."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from viseon.streams import Message

WIDTH = 30


def echo(text: str) -> None:
    """Words for people."""
    typer.echo(text, err=True)


def table(rows: Sequence[tuple[str, ...]], *, empty: str) -> None:
    """Aligned columns on stdout; `empty` on stderr when there are none."""
    if not rows:
        echo(empty)
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


class Bar:
    """A progress bar on stderr; silent when nobody watches."""

    def __init__(self) -> None:
        self.stage = ""
        self._drawn = 0.0
        self._visible = sys.stderr.isatty()

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Make room for a line of text; the next call draws it again."""
        if self._visible and self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def __call__(self, done: float, stage: str = "") -> None:
        """`done` from 0 to 1."""
        self.stage = stage
        now = time.monotonic()
        if not self._visible or (now - self._drawn < 0.1 and done < 1):  # noqa: PLR2004
            return
        self._drawn = now
        full = round(done * WIDTH)
        sys.stderr.write(f"\r\x1b[K{'━' * full}{'╌' * (WIDTH - full)} {done:4.0%} {stage}")
        sys.stderr.flush()


def draw_status(bar: Bar, message: "Message") -> None:
    """How far a stream is."""
    from viseon.streams import Status

    if isinstance(message, Status):
        done = message.frames / message.total if message.total else 0.0
        bar(done, f"frame {message.frames}, {message.fps:.0f} fps, {message.events} events")
