"""Several processes that stage files for one store."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from viseon.adapters.blobs import stage
from viseon.schema import Digest

BATCH = 1000
"""Files that reach the disk together."""
PAYS = 300
"""Files from which it pays to start processes."""
MOST = 8

Staged = tuple[Digest, str]
"""A file's digest, and its copy; "" when the store has the bytes already."""


class Stagers:
    """Stages batches of files, with as many processes as there are processors.

    What a process cannot do, or a dead one did not do, is done here: here errors can be seen.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._prefix = f"{secrets.token_hex(8)}-"
        self._here = stage.Stage(self._root, self._prefix)
        self._helpers: list[subprocess.Popen[bytes]] = []

    def batches(self, paths: Iterable[Path]) -> Iterator[list[Staged]]:
        """The batches in turn.

        While one is staged the paths of the next are drawn, and the last one is looked at: whoever
        finds the paths, whoever stages and whoever names work at the same time.
        """
        rest = iter(paths)
        batch = list(islice(rest, BATCH))
        if len(batch) >= PAYS and not self._helpers:
            self._start()
        shares = self._ask(batch)
        while batch:
            following = list(islice(rest, BATCH))
            staged = self._collect(batch, shares)
            batch, shares = following, self._ask(following)
            yield staged

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for helper in self._helpers:
            with suppress(OSError), helper:
                helper.kill()
        self._helpers.clear()
        if error is not None:
            for copy in Path(self._root, "tmp").glob(f"{self._prefix}*"):
                copy.unlink(missing_ok=True)

    def _start(self) -> None:
        for _ in range(min(MOST, os.cpu_count() or 1)):
            program = [sys.executable, "-I", "-S", stage.__file__, self._root, self._prefix]
            with suppress(OSError):
                self._helpers.append(
                    subprocess.Popen(  # noqa: S603 - our own program
                        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                    )
                )

    def _ask(self, batch: list[Path]) -> list[list[Path]]:
        """Each process's share of the work, handed over."""
        if not self._helpers:
            return [batch]
        each = -(-len(batch) // len(self._helpers))
        shares = [batch[i * each : (i + 1) * each] for i in range(len(self._helpers))]
        for helper, share in zip(self._helpers, shares, strict=True):
            if share and helper.stdin:
                with suppress(OSError):
                    helper.stdin.write(b"\0".join(map(os.fsencode, share)) + b"\0\0")
                    helper.stdin.flush()
        return shares

    def _collect(self, batch: list[Path], shares: list[list[Path]]) -> list[Staged]:
        if not self._helpers:
            return [self._take(path) for path in batch]
        staged: list[Staged] = []
        for helper, share in zip(self._helpers, shares, strict=True):
            answers = self._answers(helper, len(share))
            for path, (digest, copy) in zip(share, answers, strict=True):
                staged.append((digest, copy) if digest else self._take(path))
        return staged

    def _take(self, path: Path) -> Staged:
        try:
            return self._here.take(str(path))
        except OSError as error:
            if error.filename is None:  # reading a folder, or a broken disk
                error.filename = str(path)
            raise

    def _answers(self, helper: subprocess.Popen[bytes], expected: int) -> list[Staged]:
        heard = b""
        while heard.count(b"\0") < expected and helper.stdout:
            chunk = os.read(helper.stdout.fileno(), 1 << 20)
            if not chunk:
                break
            heard += chunk
        told = [os.fsdecode(answer).partition(" ") for answer in heard.split(b"\0")[:-1]]
        answers = [(digest, copy) for digest, _, copy in told]
        return answers + [("", "")] * (expected - len(answers))
