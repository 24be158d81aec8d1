"""Large bytes in: a broken connection goes on where it stopped, or they go past the server."""

import errno
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field
from starlette.requests import ClientDisconnect

from viseon.ports import BlobStore, DirectBlobs
from viseon.rest.front import Front, platform_of
from viseon.rest.openapi import BYTES
from viseon.schema import Busy, Conflict, Digest, Failed, NotFound, Noun, Role, TooLarge

MAX_MB = 4096
STALE_S = 24 * 3600
"""An upload nobody went on with for so long is forgotten."""

Bytes = Annotated[int, Field(ge=0)]


class Upload(Noun):
    """How far an upload has come, and how it may go on."""

    stored: bool = False
    """All bytes are there and verified: nothing is left to do."""
    offset: Bytes = 0
    """How many bytes have arrived here: go on from there."""
    url: str | None = None
    """Where the whole may be PUT instead, past the server; then `accept` it."""


def add_upload_routes(router: APIRouter) -> None:
    """`POST /v1/blobs/uploads` begins or resumes; PATCH sends the next bytes."""

    @router.post("/uploads", operation_id="blobs_upload")
    def begin(
        request: Request,
        digest: Annotated[Digest, Body()],
        size: Annotated[Bytes, Body()],
        direct: Annotated[bool, Body()] = True,
    ) -> Upload:
        """Begin to send a blob of `size` bytes, or ask how far it has come.

        `direct` asks for an address past the server, where the store has one.
        """
        platform = platform_of(request, Role.LABELER)
        platform.storage.admit(digest)
        blobs = platform.blobs
        _check_size(size)
        if digest in blobs:
            return Upload(stored=True, offset=size)
        url = blobs.presign_put(digest, size) if direct and isinstance(blobs, DirectBlobs) else None
        folder = _folder(request)
        _sweep(folder)
        part = folder / digest
        return Upload(offset=part.stat().st_size if part.exists() else 0, url=url)

    @router.patch(
        "/uploads/{digest}",
        operation_id="blobs_upload_more",
        openapi_extra={"requestBody": BYTES},
    )
    async def more(
        request: Request,
        digest: Digest,
        offset: Annotated[Bytes, Query()],
        size: Annotated[Bytes, Query()],
    ) -> Upload:
        """Send the body as the bytes from `offset` on; with the last of `size` it is stored.

        Whatever arrived before a connection broke is kept. Conflict when `offset` is elsewhere.
        """
        platform = platform_of(request, Role.LABELER)
        platform.storage.admit(digest)
        blobs = platform.blobs
        _check_size(size)
        with _part(_folder(request) / digest, offset) as file:
            try:
                arrived = await _append(request, file, size)
            except ClientDisconnect:
                return Upload()  # nobody hears this
            if arrived < size:
                return Upload(offset=arrived)
            await run_in_threadpool(_finish, blobs, Path(file.name), digest)
        return Upload(stored=True, offset=size)

    @router.post("/uploads/{digest}/accept", operation_id="blobs_upload_accept")
    def accept(request: Request, digest: Digest) -> Response:
        """Verify and store what was PUT to an upload's `url`."""
        blobs = platform_of(request, Role.LABELER).blobs
        if not isinstance(blobs, DirectBlobs):
            raise NotFound("this server's store has no address for clients")
        blobs.accept(digest)
        return Response(status_code=204)


def _check_size(size: int) -> None:
    if size > MAX_MB << 20:
        raise TooLarge(f"a blob may have at most {MAX_MB} MiB")


def _folder(request: Request) -> Path:
    front: Front = request.app.state.front
    folder = front.uploads(request.state.scope)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _sweep(folder: Path) -> None:
    for part in folder.iterdir():
        if time.time() - part.stat().st_mtime > STALE_S:
            part.unlink(missing_ok=True)


@contextmanager
def _part(path: Path, offset: int) -> Iterator[BinaryIO]:
    """The unfinished file, ours alone, at its end. Raises Conflict, Busy for a full disk."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                "another connection still sends these bytes", fix="try again in a second"
            ) from None
        if file.tell() != offset:
            raise Conflict(
                f"the upload stands at {file.tell()}, not at {offset}", fix="go on from there"
            )
        try:
            yield file
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Busy("the disk of the server is full", fix="free some space") from None
            raise


async def _append(request: Request, file: BinaryIO, size: int) -> int:
    try:
        async for chunk in request.stream():
            if file.tell() + len(chunk) > size:
                raise TooLarge(f"more bytes arrived than the {size} announced")
            file.write(chunk)
    finally:
        file.flush()
    return file.tell()


def _finish(blobs: BlobStore, path: Path, digest: Digest) -> None:
    found = blobs.add(path)
    path.unlink(missing_ok=True)
    if found != digest:
        blobs.delete(found)
        raise Failed(f"blob {digest[:12]}… changed on its way", fix="upload it again")
