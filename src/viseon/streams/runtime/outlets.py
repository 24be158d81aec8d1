"""All sinks of a stream as one, and by name when one fails."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from viseon.ports import Moment, Sink
from viseon.schema import Failed, ViseonError


@dataclass(frozen=True, slots=True)
class Outlet:
    """A sink and what to call it."""

    name: str
    """For people: `sink 'video' (people.mp4)`."""
    sink: Sink


class Outlets:
    """Writes to each in turn. A sink that fails ends the stream, or something would be missing."""

    def __init__(self, outlets: Sequence[Outlet]) -> None:
        self._outlets = tuple(outlets)
        self._closed = False

    def write(self, moment: Moment) -> None:
        """Raises Failed that names the sink."""
        for outlet in self._outlets:
            with _named(outlet):
                outlet.sink.write(moment)

    def close(self) -> None:
        """Close every one, also if one fails; raises Failed for the last that did."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as closing:
            for outlet in reversed(self._outlets):
                closing.callback(_close, outlet)


def _close(outlet: Outlet) -> None:
    with _named(outlet):
        outlet.sink.close()


@contextmanager
def _named(outlet: Outlet) -> Iterator[None]:
    """Whatever goes wrong inside is that sink's fault, a bug in it included."""
    try:
        yield
    except ViseonError as error:
        raise Failed(f"{outlet.name}: {error.message}", fix=error.fix) from error
    except OSError as error:
        raise Failed(f"{outlet.name}: {error.strerror or error}") from error
    except BaseException as error:
        error.add_note(f"in {outlet.name}")
        raise
