"""Events as a table."""

import csv
from pathlib import Path

from pydantic import Field

from viseon.adapters.sinks.files import ready
from viseon.plugins import Plugin
from viseon.ports import Moment, SinkContext
from viseon.schema import Noun

COLUMNS = (
    "id", "at", "stream", "kind", "where", "direction", "class_name", "track_id", "score",
    "frame_index", "time_s", "x", "y", "dwell_s", "model",
)  # fmt: skip


class CsvConfig(Noun):
    """One event per row, with a header; RFC 4180, UTF-8."""

    path: Path = Field(description="The file to write; relative to the folder of the YAML.")


class CsvSink:
    """For spreadsheets; the evidence (path, samples) is in `jsonl` and in the event log."""

    def __init__(self, config: CsvConfig, context: SinkContext) -> None:  # noqa: ARG002
        self._file = ready(config.path).open("w", encoding="utf-8", newline="")
        self._rows = csv.DictWriter(self._file, COLUMNS, extrasaction="ignore")
        self._rows.writeheader()

    def write(self, moment: Moment) -> None:
        for event in moment.events:
            self._rows.writerow(event.model_dump(mode="json"))
        if moment.events:
            self._file.flush()

    def close(self) -> None:
        self._file.close()


plugin = Plugin("sink", "csv", CsvConfig, CsvSink)
