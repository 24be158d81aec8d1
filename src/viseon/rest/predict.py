"""Predictions over HTTP: pictures as multipart, raw bytes, base64 or (where allowed) an address."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, ValidationError
from starlette.datastructures import UploadFile

from viseon import draw
from viseon.deployments import Deployments, PredictOptions, Wanted
from viseon.rest.fetch import Fetcher
from viseon.rest.front import platform_of
from viseon.rest.lane import lane
from viseon.rest.openapi import inlined
from viseon.schema import Forbidden, Invalid, Noun, Prediction, Role
from viseon.vision import Detections

MAX_PICTURES = 64


class Predictions(Noun):
    """One for each picture, in the order they were sent."""

    predictions: tuple[Prediction, ...]


class Asked(Noun):
    """What may be chosen for one request, in the query."""

    score: Annotated[float, Field(ge=0, le=1)] | None = None
    """Leave out what is less certain."""
    iou: Annotated[float, Field(ge=0, le=1)] | None = None
    """Overlap above which the lesser of two boxes is dropped."""
    classes: Annotated[str, Field(max_length=2000)] = ""
    """Only these classes, separated by commas."""
    tile: Annotated[int, Field(ge=64, le=4096)] | None = None
    """Also look in squares of this many pixels, for small objects."""
    overlap: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    """How much neighbouring squares share."""
    timeout_ms: Annotated[float, Field(gt=0, le=600_000)] | None = None
    """Refuse rather than answer later than this."""
    answer: Literal["json", "image"] = "json"
    """`image` gives the first picture back as JPEG with the boxes drawn."""

    @property
    def options(self) -> PredictOptions:
        """The same for the service."""
        names = tuple(name.strip() for name in self.classes.split(",") if name.strip())
        wanted = Wanted(self.score, self.iou, names or None)
        return PredictOptions(wanted, self.tile, self.overlap, self.timeout_ms)


class _Url(Noun):
    url: Annotated[str, Field(max_length=2000)]


class Sent(Noun):
    """A JSON body of pictures."""

    images: Annotated[tuple[str | _Url, ...], Field(min_length=1, max_length=MAX_PICTURES)]
    """Each base64 (a data URL will do), or `{"url": …}` where the server allows it."""


_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
        "image/png": {"schema": {"type": "string", "format": "binary"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "images": {"type": "array", "items": {"type": "string", "format": "binary"}}
                },
            }
        },
        "application/json": {"schema": inlined(Sent.model_json_schema())},
    },
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "What was seen, or the picture drawn on."}
}


def predict_routes(fetcher: Fetcher | None = None) -> APIRouter:
    """`POST /v1/deployments/{name}/predict` and `POST /v1/predict`. No `fetcher`, no addresses."""
    router = APIRouter(prefix="/v1", tags=["deployments"])

    @router.post(
        "/deployments/{deployment}/predict",
        operation_id="deployments_predict_bytes",
        response_model=Predictions,
        responses=_ANSWERS,
        openapi_extra={"requestBody": _BODY},
    )
    async def predict(
        request: Request, deployment: str, asked: Annotated[Asked, Query()]
    ) -> Response:
        """What is in the pictures of the body: raw bytes, multipart files, or JSON with base64."""
        deployments = platform_of(request, Role.VIEWER).deployments
        return await _answer(request, deployments, deployment, asked, fetcher)

    @router.post(
        "/predict",
        operation_id="predict_bytes",
        response_model=Predictions,
        responses=_ANSWERS,
        openapi_extra={"requestBody": _BODY},
    )
    async def predict_default(request: Request, asked: Annotated[Asked, Query()]) -> Response:
        """As the deployment's own route, where there is exactly one deployment."""
        deployments = platform_of(request, Role.VIEWER).deployments
        name = await lane(request.app, _only, deployments)
        deployments.admit(name, request.state.ticket)
        return await _answer(request, deployments, name, asked, fetcher)

    return router


async def _answer(
    request: Request,
    deployments: Deployments,
    name: str,
    asked: Asked,
    fetcher: Fetcher | None,
) -> Response:
    pictures = await _pictures(request, fetcher)
    state = request.state
    watch = getattr(state, "watch", None)
    options = replace(asked.options, ticket=state.ticket, watch=watch)
    if asked.answer == "image":
        data = await lane(request.app, _drawn, deployments, name, pictures, options)
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})
    text = await lane(request.app, _told, deployments, name, pictures, options)
    return Response(text, media_type="application/json")


def _told(
    deployments: Deployments, name: str, pictures: Sequence[bytes], options: PredictOptions
) -> bytes:
    seen = deployments.look(name, pictures, options)
    body = Predictions(predictions=tuple(prediction for _, prediction in seen))
    return body.model_dump_json().encode()


async def _pictures(request: Request, fetcher: Fetcher | None) -> list[bytes]:
    """The encoded pictures of the body, whatever its form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=MAX_PICTURES, max_fields=16) as form:
            files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            for name, value in form.multi_items():
                if not isinstance(value, UploadFile):
                    raise Invalid(
                        f"{name}: this field of the form is not a file",
                        fix=f"options go into the address: ?{name}={value[:20]}",
                    )
            pictures = [await file.read() for file in files]
    elif kind == "application/json":
        pictures = await _from_json(await request.body(), fetcher)
    else:
        pictures = [await request.body()]
    if not pictures:
        raise Invalid("the form holds no file", fix="send pictures as files: -F images=@a.jpg")
    return pictures


async def _from_json(body: bytes, fetcher: Fetcher | None) -> list[bytes]:
    try:
        sent = Sent.model_validate_json(body)
    except ValidationError as error:
        fix = 'send {"images": ["<base64>"]}'
        raise Invalid.because(error.errors()[0], fix=fix) from error
    pictures = []
    for index, image in enumerate(sent.images):
        if isinstance(image, _Url):
            if fetcher is None:
                raise Forbidden(
                    f"images.{index}: this server does not fetch addresses",
                    fix="send the bytes, or allow hosts in the server's settings",
                )
            pictures.append(await run_in_threadpool(fetcher.get, image.url))
        else:
            pictures.append(_decoded(image, index))
    return pictures


def _decoded(text: str, index: int) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(
            f"images.{index}: not base64: {error}", fix="encode the file's bytes"
        ) from error


def _only(deployments: Deployments) -> str:
    found = deployments.find(limit=2).items
    if len(found) == 1:
        return found[0].name
    raise Invalid(
        f"there {'are several deployments' if found else 'is no deployment'}",
        fix="use /v1/deployments/{name}/predict" if found else "create one first",
    )


def _drawn(
    deployments: Deployments, name: str, pictures: Sequence[bytes], options: PredictOptions
) -> bytes:
    pixels, prediction = deployments.look(name, pictures, options)[0]
    objects = prediction.objects
    found = _detections(objects)
    texts = [f"{thing.class_name} {thing.score:.2f}" for thing in objects]
    drawn = draw.boxes(pixels.copy(), found, texts=texts)
    return deployments.server.images.encode(drawn, kind="jpeg", quality=90)


def _detections(objects: Sequence[Any]) -> Detections:
    return Detections(
        np.array([thing.box for thing in objects], np.float32).reshape(-1, 4),
        np.array([thing.score for thing in objects], np.float32),
        np.array([thing.class_id for thing in objects], np.int64),
    )
