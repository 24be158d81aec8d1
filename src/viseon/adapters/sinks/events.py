"""The installation's own event log."""

from viseon.plugins import Plugin
from viseon.ports import Moment, SinkContext
from viseon.schema import Invalid, Noun


class EventsConfig(Noun):
    """The event log behind `viseon events`, the dashboard and `viseon trace`. No options."""


class EventsSink:
    """Durable before the next frame; an event that is already there stays as it is."""

    def __init__(self, config: EventsConfig, context: SinkContext) -> None:  # noqa: ARG002
        if context.events is None:
            raise Invalid("there is no event log here", fix="remove the sink, or use kind: jsonl")
        self._events = context.events

    def write(self, moment: Moment) -> None:
        if moment.events:
            self._events.append(moment.events)

    def close(self) -> None:
        """Nothing is held back."""


plugin = Plugin("sink", "events", EventsConfig, EventsSink)
