"""Who is watching which stream, and what they get to see. Lives in the server's process."""

import threading
from collections import Counter, deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from viseon.streams.bus import Message, Picture, Status

_MOST_WAITING = 1000
"""Messages a listener may be behind before it loses the oldest; the event log has them all."""

Key = tuple[str, str]
"""Workspace and stream."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something a stream said."""

    stream: str
    message: Message


class Subscription:
    """What one listener has not yet heard. Use it in a `with`; only `next` from one thread."""

    def __init__(self, hub: "Hub", workspace: str, stream: str, *, pictures: bool) -> None:
        self._hub = hub
        self.workspace, self.stream, self.pictures = workspace, stream, pictures
        self._waiting: deque[Told] = deque(maxlen=_MOST_WAITING)
        self._picture: Told | None = None
        self._changed = threading.Condition()

    def next(self, timeout_s: float) -> Told | None:
        """The next message, or None if none came in time. Of pictures only the newest is kept."""
        with self._changed:
            if not self._waiting and self._picture is None:
                self._changed.wait(timeout_s)
            if self._waiting:
                return self._waiting.popleft()
            told, self._picture = self._picture, None
            return told

    def tell(self, told: Told) -> None:
        """Called by the hub."""
        with self._changed:
            if isinstance(told.message, Picture):
                self._picture = told
            else:
                self._waiting.append(told)
            self._changed.notify()

    def __enter__(self) -> Self:
        self._hub.join(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hub.leave(self)


class Hub:
    """Hands what streams say to everybody who listens. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Subscription] = []
        self._watchers: Counter[Key] = Counter()
        self._newest: dict[Key, Status] = {}
        self._pictures: dict[Key, Picture] = {}

    def subscribe(
        self, workspace: str, stream: str = "", *, pictures: bool = False
    ) -> Subscription:
        """Events and statuses of one stream, or of all; with `pictures` (of one) also those."""
        if pictures and not stream:
            raise ValueError("pictures are of one stream: name it")
        return Subscription(self, workspace, stream, pictures=pictures)

    def newest(self, workspace: str, stream: str) -> Status | None:
        """The last status heard."""
        with self._lock:
            return self._newest.get((workspace, stream))

    def picture(self, workspace: str, stream: str) -> Picture | None:
        """The last picture heard; old if nobody was watching."""
        with self._lock:
            return self._pictures.get((workspace, stream))

    def watched(self, workspace: str, stream: str) -> bool:
        """Whether anybody looks at its pictures."""
        with self._lock:
            return self._watchers[workspace, stream] > 0

    def publish(self, workspace: str, stream: str, message: Message) -> None:
        """A stream said something."""
        told = Told(stream, message)
        with self._lock:
            if isinstance(message, Status):
                self._newest[workspace, stream] = message
            elif isinstance(message, Picture):
                self._pictures[workspace, stream] = message
            listeners = [one for one in self._listeners if _concerns(one, workspace, told)]
        for listener in listeners:
            listener.tell(told)

    def forget(self, workspace: str, stream: str) -> None:
        """It does not run any more: its last picture and status are no longer how it is."""
        with self._lock:
            self._newest.pop((workspace, stream), None)
            self._pictures.pop((workspace, stream), None)

    def join(self, listener: Subscription) -> None:
        """Called by the subscription."""
        with self._lock:
            self._listeners.append(listener)
            if listener.pictures:
                self._watchers[listener.workspace, listener.stream] += 1

    def leave(self, listener: Subscription) -> None:
        """Called by the subscription."""
        with self._lock:
            self._listeners.remove(listener)
            if listener.pictures:
                self._watchers[listener.workspace, listener.stream] -= 1


def _concerns(listener: Subscription, workspace: str, told: Told) -> bool:
    if listener.workspace != workspace or listener.stream not in ("", told.stream):
        return False
    return listener.pictures or not isinstance(told.message, Picture)
