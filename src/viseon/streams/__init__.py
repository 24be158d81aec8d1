"""Streams: from a source to events, described by one YAML document."""

from viseon.streams.bus import Message, OnMessage, Picture, Speaker, Status
from viseon.streams.child import serve_child
from viseon.streams.hub import Hub, Subscription, Told
from viseon.streams.runtime.run import Parts, run_stream
from viseon.streams.service import Streams
from viseon.streams.supervisor import Patience, Supervisor

__all__ = [
    "Hub",
    "Message",
    "OnMessage",
    "Parts",
    "Patience",
    "Picture",
    "Speaker",
    "Status",
    "Streams",
    "Subscription",
    "Supervisor",
    "Told",
    "run_stream",
    "serve_child",
]
