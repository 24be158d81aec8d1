"""What a stream's process and its supervisor say to each other, over two pipes.

Child to parent: a marked JSON line with `kind` and `size`, then `size` bytes. Parent to child: one
word a line (`stop`, `watch`, `ignore`). Each takes the end of its pipe for the other's death.
"""

import contextlib
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO

from viseon.schema import Event, Noun, StreamState

_MARK = b"\x1eviseon "
_MOST_UNTOLD = 10_000
"""Messages kept for a reader that is stuck; the event log has every event anyway."""


class Status(Noun):
    """How a stream is doing."""

    state: StreamState
    reason: str = ""
    again: bool = False
    """After a failure: whether trying again may help."""
    frames: int = 0
    total: int | None = None
    fps: float = 0.0
    counts: dict[str, dict[str, int]] = {}
    events: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """The newest frame with its overlay."""

    jpeg: bytes
    index: int
    time_s: float


Message = Picture | Event | Status
OnMessage = Callable[[Message], None]


def write_message(pipe: IO[bytes], message: Message) -> None:
    """Raises OSError when nobody reads any more."""
    if isinstance(message, Picture):
        head = {"kind": "picture", "index": message.index, "time_s": message.time_s}
        body = message.jpeg
    else:
        head = {"kind": "event" if isinstance(message, Event) else "status"}
        body = message.model_dump_json().encode()
    pipe.write(_MARK + json.dumps({**head, "size": len(body)}).encode() + b"\n" + body)
    pipe.flush()


def read_messages(pipe: IO[bytes]) -> Iterator[Message]:
    """Until the pipe ends; a message that was cut short by its writer's death is dropped.

    So is what a library printed before the pipe was made private.
    """
    while head := pipe.readline():
        if not head.startswith(_MARK):
            continue
        if not head.endswith(b"\n"):
            return
        told = json.loads(head.removeprefix(_MARK))
        body = pipe.read(told["size"])
        if len(body) < told["size"]:
            return
        if told["kind"] == "picture":
            yield Picture(body, told["index"], told["time_s"])
        elif told["kind"] == "event":
            yield Event.model_validate_json(body)
        else:
            yield Status.model_validate_json(body)


def private_stdout() -> BinaryIO:
    """This process's standard output for messages alone; whatever prints goes to standard error."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe


class Speaker:
    """The child's voice: a thread that writes, so that a slow reader never slows the stream.

    Events and statuses are kept in order; of pictures only the newest waits.
    """

    def __init__(self, pipe: IO[bytes], *, fps: float = 12.0) -> None:
        self._pipe, self._interval_s = pipe, 1 / fps
        self._told: deque[Message] = deque(maxlen=_MOST_UNTOLD)
        self._picture: Picture | None = None
        self._next_s = 0.0
        self._watched = threading.Event()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._write, name="bus", daemon=True)
        self._thread.start()

    def __call__(self, message: Message) -> None:
        """Say it soon; never waits."""
        with self._changed:
            if isinstance(message, Picture):
                self._picture = message
            else:
                self._told.append(message)
            self._changed.notify()

    def watch(self, watched: bool) -> None:  # noqa: FBT001  # it is the state itself
        """Whether anybody looks at the pictures."""
        (self._watched.set if watched else self._watched.clear)()

    def wants(self, time_s: float) -> bool:  # noqa: ARG002  # live pictures go by the wall clock
        """Whether a picture would be seen now."""
        return self._watched.is_set() and self._picture is None and time.monotonic() >= self._next_s

    def show(self, jpeg: bytes, *, index: int, time_s: float) -> None:
        """Send a picture."""
        self._next_s = time.monotonic() + self._interval_s
        self(Picture(jpeg, index, time_s))

    def close(self, *, timeout_s: float = 5.0) -> None:
        """Say what is left to say; gives up on a reader that does not read."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the reader is gone: nobody to tell
            while (message := self._next()) is not None:
                write_message(self._pipe, message)

    def _next(self) -> Message | None:
        with self._changed:
            while not self._told and self._picture is None and not self._closing:
                self._changed.wait()
            if self._told:
                return self._told.popleft()
            picture, self._picture = self._picture, None
            return picture
