"""Draws the demo's training data into a store, saying on standard output how far it is."""

import contextlib
import os
import sys

from viseon.app import House
from viseon.demo.past import Progress
from viseon.demo.recreate import recreate
from viseon.demo.shipped import shipped
from viseon.schema import ViseonError
from viseon.settings import Settings

_NICENESS = 5
"""The stream comes first."""


def main(home: str) -> int:
    """The exit code: 0 when the data is there and is the very data."""
    with contextlib.suppress(OSError, AttributeError):  # a machine without priorities
        os.nice(_NICENESS)
    house = House(Settings.read(home=home))
    try:
        recreate(
            house.platform(), shipped(), lambda done, stage: _tell(Progress(done=done, stage=stage))
        )
    except ViseonError as error:
        _tell(Progress(problem=str(error)))
        return 1
    finally:
        house.close()
    return 0


def _tell(progress: Progress) -> None:
    sys.stdout.write(progress.model_dump_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
