"""What happens now, as it happens: pictures of a stream, and events as they are stored."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from viseon.ports import EventLog
from viseon.rest.front import Front, platform_of
from viseon.schema import Conflict, Name, Role, Scope
from viseon.streams import Picture, Streams

BOUNDARY = "viseon-frame"
PICTURE_EVERY_S = 0.02
"""How often to look for a newer picture: half of what 25 pictures a second take."""
STATE_EVERY_S = 1.0
EVENTS_EVERY_S = 0.2
SLOWEST_S = 20.0
"""A listener that takes nothing for so long is let go; it finds what it missed in the log."""


def live_routes() -> APIRouter:
    """`GET /v1/streams/{stream}/live.mjpeg` and the WebSocket `/v1/events/live`."""
    router = APIRouter(prefix="/v1")

    @router.get(
        "/streams/{stream}/live.mjpeg",
        operation_id="streams_live",
        tags=["streams"],
        response_class=StreamingResponse,
        responses={200: {"content": {"multipart/x-mixed-replace": {}}}},
    )
    async def pictures(request: Request, stream: Name) -> StreamingResponse:
        """The stream with its overlay as a multipart stream of JPEGs (`<img>` plays it).

        Only the newest picture is ever sent: who reads slowly sees fewer. Each part says its
        `Content-Length`, `X-Frame-Index` and `X-Time-S`. Ends when the stream does.
        """
        streams = platform_of(request, Role.VIEWER).streams
        known = await run_in_threadpool(streams.get, stream)
        if known.state.ended:
            raise Conflict(
                f"stream {stream!r} is not running: {known.state.value}",
                fix=f"viseon streams start {stream}",
            )
        return StreamingResponse(
            _parts(request, streams, stream),
            media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @router.websocket("/events/live")
    async def events(socket: WebSocket, stream: Annotated[str, Query()] = "") -> None:
        """Every event stored from now on, one JSON text message each; `stream` narrows it.

        Nothing is queued for a slow listener: it reads from the log at its own pace.
        """
        platform_of(socket, Role.VIEWER)
        log = _front(socket).event_log(_scope(socket))
        _, now = await run_in_threadpool(log.tail)  # before anybody may look at the list
        await socket.accept()
        slow = False

        async def tell() -> None:
            nonlocal slow
            try:
                await _tell(socket, log, stream, now)
            except TimeoutError:
                slow = True
            except (RuntimeError, WebSocketDisconnect):
                pass  # it left while something was being sent
            group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(tell)
            await _until_closed(socket)
            group.cancel_scope.cancel()
        if slow:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(1013, "too slow: read the events you missed from /v1/events")

    return router


async def _parts(request: Request, streams: Streams, stream: str) -> AsyncIterator[bytes]:
    """Pictures newer than the one before. Watching is what makes the stream draw them."""
    hub, workspace = _front(request).hub, _scope(request).workspace
    leaving: threading.Event = request.app.state.leaving
    clock = asyncio.get_running_loop().time
    with hub.subscribe(workspace, stream, pictures=True):
        last = hub.picture(workspace, stream)
        asked_s = clock()
        while not leaving.is_set():
            picture = hub.picture(workspace, stream)
            if picture is not None and picture is not last:
                last, asked_s = picture, clock()
                yield _part(picture)
            elif clock() - asked_s > STATE_EVERY_S:
                asked_s = clock()
                if (await run_in_threadpool(streams.get, stream)).state.ended:
                    return
            await asyncio.sleep(PICTURE_EVERY_S)


def _part(picture: Picture) -> bytes:
    head = (
        f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}\r\n"
        f"X-Frame-Index: {picture.index}\r\nX-Time-S: {picture.time_s:.3f}\r\n\r\n"
    )
    return head.encode() + picture.jpeg + b"\r\n"


async def _tell(socket: WebSocket, log: EventLog, stream: str, position: int) -> None:
    """Raises TimeoutError when the listener takes nothing."""
    while True:
        found, position = await run_in_threadpool(log.tail, after=position)
        for event in found:
            if stream in ("", event.stream):
                with anyio.fail_after(SLOWEST_S):
                    await socket.send_text(event.model_dump_json())
        if not found:
            await asyncio.sleep(EVENTS_EVERY_S)


async def _until_closed(socket: WebSocket) -> None:
    """What a listener says does not matter, only that it leaves."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _front(connection: Request | WebSocket) -> Front:
    front: Front = connection.app.state.front
    return front


def _scope(connection: Request | WebSocket) -> Scope:
    scope: Scope = connection.state.scope
    return scope
