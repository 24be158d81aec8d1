"""The demo behind its page: the stream, the truth beside it, and the past of its model."""

import threading

from fastapi import APIRouter

from viseon.app import House
from viseon.demo.past import Past
from viseon.demo.routes import Demo, demo_routes
from viseon.demo.shipped import STREAM, document
from viseon.demo.truth import Ledger, Truth
from viseon.schema import Model, Stream
from viseon.streams.config import StreamSpec

_TRUTH_EVERY_S = 1.0
_MOST_FRAMES = 500
"""Counted in one go: after a restart the catalog still says how far the stream came before."""


class Serving:
    """What `viseon demo` adds to a server. `start` before it serves, `stop` after."""

    def __init__(self, house: House, model: Model) -> None:
        self._platform = house.platform()
        self.stream: Stream = self._platform.streams.apply(
            document=document(model), filename="entrance.yaml"
        )
        self.past = Past(house.settings.home)
        self._ledger = Ledger(StreamSpec.model_validate(self.stream.document))
        self._counting = threading.Lock()
        self._stopped = threading.Event()
        self._counter = threading.Thread(target=self._count, name="truth", daemon=True)

    def routes(self) -> APIRouter:
        """`GET /v1/demo`."""
        return demo_routes(self._now)

    def start(self) -> None:
        """Let the stream run, and begin to draw the past."""
        self._platform.streams.start(STREAM)
        self.past.start()
        self._counter.start()

    def stop(self) -> None:
        """Stop what `start` began, but the stream: that is the supervisor's."""
        self._stopped.set()
        self.past.stop()
        self._counter.join()

    def _now(self) -> Demo:
        return Demo(stream=STREAM, truth=self._counted(), past=self.past.progress)

    def _counted(self) -> Truth:
        frames = self._platform.streams.get(STREAM).frames
        with self._counting:
            most = self._ledger.truth.frames + _MOST_FRAMES
            return self._ledger.until(min(frames, most))

    def _count(self) -> None:
        """Keep up with the stream, whether or not anybody looks: catching up later takes long."""
        while not self._stopped.wait(_TRUTH_EVERY_S):
            self._counted()
