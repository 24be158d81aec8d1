"""What every recording has in common: it began at a time somebody knows, or at the epoch."""

from datetime import UTC, datetime

from pydantic import Field

from viseon.schema import Noun, Time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Recording(Noun):
    """Options of every recording."""

    started_at: Time = Field(
        default=EPOCH,
        description="When it was recorded, with time zone; events are dated from it.",
    )
