"""The life of a stream's own process, after somebody has built what it needs."""

import os
import signal
import threading
from collections.abc import Callable
from typing import IO, Protocol

from viseon.ports import Preview
from viseon.schema import StreamState
from viseon.streams.bus import OnMessage, Speaker, Status, private_stdout

ORPHAN_GRACE_S = 10.0
"""How long a stream without a parent may take to finish its files."""

FAILED, TRY_AGAIN = 3, 75
"""Exit codes; 75 is EX_TEMPFAIL of sysexits.h."""


class Run(Protocol):
    """`run_stream`, with everything but these already given."""

    def __call__(
        self, *, on_message: OnMessage, stopped: Callable[[], bool], preview: Preview
    ) -> Status:
        """Run it to its end."""
        ...


def serve_child(run: Run) -> int:
    """`run` a stream, talking over standard output and listening on standard input; the exit code.

    Ends cleanly, sinks finished, when its source ends, on `stop`, on SIGTERM, and when standard
    input ends, which means that the supervisor is gone. Call it from the main thread.
    """
    speaker = Speaker(private_stdout())
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then says stop
    orders = os.fdopen(os.dup(0), "rb", buffering=0)  # unbuffered: a daemon thread may not hold
    threading.Thread(  # a lock that the interpreter wants when it ends
        target=_listen, args=(orders, speaker, stop, _give_up), name="orders", daemon=True
    ).start()
    status = run(on_message=speaker, stopped=stop.is_set, preview=speaker)
    speaker.close()
    if status.state is not StreamState.FAILED:
        return 0
    return TRY_AGAIN if status.again else FAILED


def _listen(
    pipe: IO[bytes], speaker: Speaker, stop: threading.Event, give_up: Callable[[], None]
) -> None:
    for line in pipe:
        word = line.strip()
        if word == b"stop":
            stop.set()
        elif word in (b"watch", b"ignore"):
            speaker.watch(word == b"watch")
    stop.set()
    late = threading.Timer(ORPHAN_GRACE_S, give_up)
    late.daemon = True
    late.start()


def _give_up() -> None:
    os._exit(TRY_AGAIN)
