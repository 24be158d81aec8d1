"""Bytes in and out: what an operation's signature cannot describe."""

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Body, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, StreamingResponse

from viseon.ports import DirectBlobs
from viseon.rest.front import platform_of
from viseon.rest.openapi import BYTES
from viseon.rest.uploads import MAX_MB, add_upload_routes
from viseon.schema import Digest, Role, TooLarge

_CHUNK = 1 << 20
_KINDS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"RIFF": "image/webp",
}


def blob_routes() -> APIRouter:
    """`POST /v1/blobs` stores a body and answers its digest; GET gives it back."""
    router = APIRouter(prefix="/v1/blobs", tags=["blobs"])

    @router.post("", operation_id="blobs_put", openapi_extra={"requestBody": BYTES})
    async def put(request: Request) -> Digest:
        """Store the request body, whatever its size up to 4 GiB. Repeating it is free."""
        blobs = platform_of(request, Role.LABELER).blobs
        with tempfile.TemporaryDirectory(prefix="viseon-upload-") as folder:
            path = Path(folder) / "body"
            size = 0
            with path.open("wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > MAX_MB << 20:
                        raise TooLarge(f"a blob may have at most {MAX_MB} MiB")
                    file.write(chunk)
            return await run_in_threadpool(blobs.add, path)

    add_upload_routes(router)
    _add_download(router)

    @router.post("/missing", operation_id="blobs_missing")
    def missing(request: Request, digests: Annotated[list[Digest], Body()]) -> list[Digest]:
        """Which of these digests are not stored: only those need sending."""
        return platform_of(request, Role.VIEWER).blobs.missing(digests)

    @router.head("/{digest}", operation_id="blobs_has", response_class=Response)
    def has(request: Request, digest: Digest) -> Response:
        """204 if stored, 404 if not."""
        stored = digest in platform_of(request, Role.VIEWER).blobs
        return Response(status_code=204 if stored else 404)

    @router.delete("/{digest}", operation_id="blobs_delete", response_class=Response)
    def delete(request: Request, digest: Digest) -> Response:
        """Forget the bytes at once, whoever refers to them; `viseon gc` is the careful way."""
        platform_of(request, Role.ADMIN).blobs.delete(digest)
        return Response(status_code=204)

    return router


def _add_download(router: APIRouter) -> None:
    @router.get("/{digest}", operation_id="blobs_get", response_class=StreamingResponse)
    def get(request: Request, digest: Digest, direct: bool = False) -> Response:
        """The bytes. They never change, so they may be cached forever.

        `direct` redirects to the store itself where clients can reach it.
        """
        blobs = platform_of(request, Role.VIEWER).blobs
        if direct and isinstance(blobs, DirectBlobs):
            return RedirectResponse(blobs.presign_get(digest), 307, {"Cache-Control": "no-store"})
        file = blobs.open(digest)
        first = file.read(_CHUNK)
        kind = next((k for magic, k in _KINDS.items() if first.startswith(magic)), None)
        headers = {
            "Cache-Control": "private, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
        }
        return StreamingResponse(
            _pieces(first, file),
            media_type=kind or "application/octet-stream",
            headers=headers,
        )


def _pieces(first: bytes, file: BinaryIO) -> Iterator[bytes]:
    """From start to end, so that the store verifies them; the file is closed on every way out."""
    with file:
        yield from chain((first,), iter(lambda: file.read(_CHUNK), b""))
