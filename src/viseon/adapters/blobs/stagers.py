"""Several processes that put files into one store."""

import os
import secrets
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from viseon.adapters.blobs import stage
from viseon.schema import Digest

BATCH = 1000
"""Files that reach the disk together."""
PAYS = 300
"""Files from which it pays to start processes."""
MOST = 8

Staged = tuple[Digest, str]
"""A file's digest, and its copy that has no name yet; "" when the store has the bytes."""


class Batch(NamedTuple):
    """What became of some files."""

    staged: list[Staged]
    synced: bool
    """Whether processes put them into the store, and all batches before are on the disk."""


class Stagers:
    """Stores batches of files, with as many processes as there are processors.

    What a process cannot do, or a dead one did not do, is staged here: here errors can be seen.
    Whoever asked brings those copies to the disk and names them.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._prefix = f"{secrets.token_hex(8)}-"
        self._here = stage.Stage(self._root, self._prefix)
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._heard: dict[subprocess.Popen[bytes], bytes] = {}

    def batches(self, paths: Iterable[Path]) -> Iterator[Batch]:
        """What became of the files, batch by batch.

        Two batches are under way: while one is brought to the disk the next is staged, the paths of
        the one after are drawn, and whoever asked looks at the last.
        """
        under_way: deque[tuple[list[Path], list[list[Path]]]] = deque()
        for batch in self._drawn(paths):
            under_way.append((batch, self._ask(batch)))
            if len(under_way) > 1:
                yield self._collect(*under_way.popleft())
        self._ask([])
        while under_way:
            yield self._collect(*under_way.popleft())

    def _drawn(self, paths: Iterable[Path]) -> Iterator[list[Path]]:
        rest = iter(paths)
        batch = list(islice(rest, PAYS))  # a short one: meanwhile everybody else waits
        if len(batch) >= PAYS:
            self._start()
        while batch:
            yield batch
            batch = list(islice(rest, BATCH))

    def name(self, staged: Iterable[Staged]) -> None:
        """Give copies that are on the disk their places."""
        self._here.name(staged)

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
        for copy in Path(self._root, "tmp").glob(f"{self._prefix}*"):
            copy.unlink(missing_ok=True)

    def _start(self) -> None:
        for _ in range(min(MOST, os.cpu_count() or 1)):
            program = [sys.executable, "-I", "-S", stage.__file__, self._root, self._prefix]
            with suppress(OSError):
                self._helpers.append(
                    subprocess.Popen(  # noqa: S603 - our own program
                        program,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        process_group=0,  # no Ctrl-C: whoever started it ends it
                    )
                )

    def _ask(self, batch: list[Path]) -> list[list[Path]]:
        """Each process's share of the work, handed over."""
        if not self._helpers:
            return [batch]
        each = -(-len(batch) // len(self._helpers))
        shares = [batch[i * each : (i + 1) * each] for i in range(len(self._helpers))]
        for helper, share in zip(self._helpers, shares, strict=True):
            if helper.stdin:
                paths = b"".join(os.fsencode(path) + b"\0" for path in share)
                if paths.count(b"\0") != len(share):
                    raise ValueError("a path holds a NUL character")
                with suppress(OSError):
                    helper.stdin.write(paths + b"\0")
                    helper.stdin.flush()
        return shares

    def _collect(self, batch: list[Path], shares: list[list[Path]]) -> Batch:
        if not self._helpers:
            return Batch([self._take(path) for path in batch], synced=False)
        staged: list[Staged] = []
        synced = True
        for helper, share in zip(self._helpers, shares, strict=True):
            digests = self._answers(helper, len(share))
            synced &= bool(share) and all(digests)
            for path, digest in zip(share, digests, strict=True):
                staged.append((digest, "") if digest else self._take(path))
        return Batch(staged, synced)

    def _take(self, path: Path) -> Staged:
        try:
            return self._here.take(str(path))
        except OSError as error:
            if error.filename is None:  # reading a folder, or a broken disk
                error.filename = str(path)
            raise

    def _check(self, code: int) -> None:
        """Whoever died or could not go on is replaced, unless it was the disk that failed."""
        if code > stage.FAILED:
            number = code - stage.FAILED
            raise OSError(number, os.strerror(number), self._root)

    def _answers(self, helper: subprocess.Popen[bytes], expected: int) -> list[Digest]:
        """A digest for each file of a share; "" for those that are not stored."""
        heard = self._heard.pop(helper, b"")  # it may be a share ahead
        while heard.count(b"\0") < expected and helper.stdout:
            chunk = os.read(helper.stdout.fileno(), 1 << 20)
            if not chunk:
                self._check(helper.wait())
                break
            heard += chunk
        *answers, rest = heard.split(b"\0", expected)
        self._heard[helper] = rest
        return [answer.decode() for answer in answers] + [""] * (expected - len(answers))
