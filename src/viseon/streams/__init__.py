"""Streams: from a source to events, described by one YAML document."""

from viseon.streams.bus import Message, OnMessage, Picture, Speaker, Status
from viseon.streams.runtime.run import Parts, run_stream
from viseon.streams.service import Streams

__all__ = [
    "Message",
    "OnMessage",
    "Parts",
    "Picture",
    "Speaker",
    "Status",
    "Streams",
    "run_stream",
]
