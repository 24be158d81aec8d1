"""Events as JSON lines: the same bytes on every run."""

from pathlib import Path

from pydantic import Field

from viseon.adapters.sinks.files import ready
from viseon.plugins import Plugin
from viseon.ports import Moment, SinkContext
from viseon.schema import Noun, canonical_json


class JsonlConfig(Noun):
    """One event per line, as canonical JSON (sorted keys, no spaces), without its snapshot."""

    path: Path = Field(description="The file to write; relative to the folder of the YAML.")
    append: bool = Field(
        default=False, description="Go on after what is there; for cameras, which do not end."
    )


class JsonlSink:
    """Each event is on its way to the disk before the next frame is looked at."""

    def __init__(self, config: JsonlConfig, context: SinkContext) -> None:  # noqa: ARG002
        self._file = ready(config.path).open("ab" if config.append else "wb")

    def write(self, moment: Moment) -> None:
        for event in moment.events:
            plain = event.model_dump(mode="json", exclude={"snapshot"})
            self._file.write(canonical_json(plain) + b"\n")
        if moment.events:
            self._file.flush()

    def close(self) -> None:
        self._file.close()


plugin = Plugin("sink", "jsonl", JsonlConfig, JsonlSink)
