"""A stream's process as a program: `child_main.py HOME STREAM`."""

import sys
from dataclasses import replace
from pathlib import Path

import blocks

from viseon.schema import Stream
from viseon.streams import run_stream, serve_child


def main(home, name):
    blocks.install()
    shop = blocks.Shop(Path(home))
    with shop.catalog.read() as records:
        stream = records.get(Stream, name)
    print("something prints to standard output")

    def run(*, on_message, stopped, preview):
        return run_stream(
            replace(shop.parts, preview=preview), stream, on_message=on_message, stopped=stopped
        )

    return serve_child(run)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
