"""Deployments: models behind a name that answer requests."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from viseon.deployments.engine import Wanted
from viseon.deployments.gate import Ticket
from viseon.deployments.server import ModelServer, PredictOptions, Ready, key_of
from viseon.inference import find_model
from viseon.inference.preprocess import Pixels
from viseon.operation import Limit, operation
from viseon.ports import BlobStore, Catalog, Records
from viseon.schema import (
    Clock,
    Conflict,
    Deployment,
    DeploymentStats,
    Digest,
    Invalid,
    Model,
    Name,
    NotFound,
    Page,
    Prediction,
    Role,
    Serving,
    Task,
    canonical_json,
    digest_of,
)

_MOST_MODELS = 16
_MOST_WEIGHT = 1000.0

ModelRef = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}(@[a-z0-9][a-z0-9-]{0,62})?$")]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Deployments:
    """Models behind a name that stays when they are swapped."""

    def __init__(
        self,
        catalog: Catalog,
        blobs: BlobStore,
        server: ModelServer,
        now: Clock,
        *,
        workspace: str = "default",
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._server = server
        self._now = now
        self._workspace = workspace

    @operation("GET", "/deployments", needs=Role.VIEWER)
    def find(self, *, cursor: str = "", limit: Limit = 50) -> Page[Deployment]:
        """All deployments, by name."""
        with self._catalog.read() as records:
            found = records.find(Deployment, after=cursor, limit=limit + 1)
        more = found[limit - 1].name if len(found) > limit else None
        return Page[Deployment](items=tuple(found[:limit]), next=more)

    @operation("GET", "/deployments/{deployment}", needs=Role.VIEWER)
    def get(self, deployment: Name) -> Deployment:
        """One deployment."""
        with self._catalog.read() as records:
            return _get(records, deployment)

    @operation("POST", "/deployments", needs=Role.EDITOR)
    def create(
        self,
        *,
        name: Name,
        models: tuple[ModelRef, ...],
        weights: tuple[float, ...] = (),
        serving: Serving = Serving(),  # noqa: B008  # frozen
    ) -> Deployment:
        """Load one model, or several as an ensemble, and answer requests under `name`.

        `name@tag` and `name` mean the number they have now. A model that cannot be loaded is not
        deployed.
        """
        with self._catalog.read() as records:
            if records.seek(Deployment, name) is not None:
                raise Conflict(
                    f"a deployment named {name!r} exists", fix="swap its models, or remove it"
                )
            ready = self._drafted(records, name, models, weights, serving)
        self._server.warm(ready)
        with self._catalog.transaction() as records:
            if records.seek(Deployment, name) is not None:
                raise Conflict(f"a deployment named {name!r} was just created by somebody else")
            records.put(name, ready.deployment)
        return ready.deployment

    @operation("POST", "/deployments/{deployment}/swap", needs=Role.EDITOR)
    def swap(
        self,
        deployment: Name,
        *,
        models: tuple[ModelRef, ...],
        weights: tuple[float, ...] = (),
        serving: Serving | None = None,
    ) -> Deployment:
        """Answer with other models from now on, without a failed request.

        The new ones are loaded first; the old ones finish what they accepted, then go.
        """
        with self._catalog.read() as records:
            kept = serving or _get(records, deployment).serving
            new = self._drafted(records, deployment, models, weights, kept)
        self._server.warm(new)
        with self._catalog.transaction() as records:
            before = _get(records, deployment)
            fresh = new.deployment.model_copy(
                update={"created": before.created, "revision": before.revision + 1}
            )
            records.put(deployment, fresh)
        self._server.swapped(key_of(self._workspace, deployment), before, fresh)
        return fresh

    @operation("DELETE", "/deployments/{deployment}", needs=Role.EDITOR)
    def remove(self, deployment: Name) -> None:
        """Stop answering; what was accepted is finished."""
        with self._catalog.transaction() as records:
            gone = _get(records, deployment)
            records.remove(Deployment, deployment)
        self._server.forget(key_of(self._workspace, deployment), gone)

    @operation("GET", "/deployments/{deployment}/stats", needs=Role.VIEWER)
    def stats(self, deployment: Name) -> DeploymentStats:
        """Answers, refusals, memory, and P50, P95, P99 of each stage in this process."""
        return self._server.stats(self.ready(deployment))

    @operation("POST", "/deployments/{deployment}/predictions", needs=Role.VIEWER)
    def predict(
        self,
        deployment: Name,
        *,
        images: tuple[Digest, ...],
        score: Fraction | None = None,
        iou: Fraction | None = None,
        classes: tuple[str, ...] | None = None,
    ) -> tuple[Prediction, ...]:
        """What is in pictures that are stored already; `…/predict` takes their bytes instead."""
        if len(images) > 64:
            raise Invalid(f"images: {len(images)} at once", fix="send at most 64")
        pictures = [self._blobs.get(digest) for digest in images]
        options = PredictOptions(Wanted(score, iou, classes))
        return tuple(self._server.predict(self.ready(deployment), pictures, options))

    def look(
        self, deployment: str, pictures: Sequence[bytes], options: PredictOptions
    ) -> list[tuple[Pixels, Prediction]]:
        """What is in encoded pictures, with their pixels. For the routes that carry bytes."""
        return self._server.look(self.ready(deployment), pictures, options)

    def admit(self, deployment: str, ticket: Ticket) -> None:
        """Ask at its door, for the route that does not name it. Raises Busy at once."""
        self._server.admit(key_of(self._workspace, deployment), ticket)

    def warm(self, deployment: str, patience_s: float) -> None:
        """Load its models now. Raises Busy where that takes longer, or why they do not load."""
        self._server.warm(self.ready(deployment), patience_s=patience_s)

    def ready(self, deployment: str) -> Ready:
        """The deployment with its models. Raises NotFound."""
        with self._catalog.read() as records:
            return self._ready(records, deployment)

    @property
    def server(self) -> ModelServer:
        """What runs the models, for the routes that carry tensors."""
        return self._server

    def _ready(self, records: Records, deployment: str) -> Ready:
        noun = _get(records, deployment)
        models = tuple(find_model(records, ref) for ref in noun.models)
        return Ready(noun, models, self._blobs, self._workspace)

    def _drafted(
        self,
        records: Records,
        name: str,
        refs: tuple[str, ...],
        weights: tuple[float, ...],
        serving: Serving,
    ) -> Ready:
        if len(refs) > _MOST_MODELS:
            raise Invalid(f"models: {len(refs)} of them", fix=f"pass at most {_MOST_MODELS}")
        models = tuple(find_model(records, ref) for ref in refs)
        _check(models)
        _check_weights(weights, len(models))
        digests = tuple(model.digest for model in models)
        said = {
            "digests": list(digests),
            "weights": list(weights),
            "serving": serving.model_dump(mode="json"),
        }
        now = self._now()
        noun = Deployment(
            name=name,
            models=tuple(model.ref for model in models),
            digests=digests,
            weights=weights,
            serving=serving,
            config=digest_of(canonical_json(said)),
            created=now,
            updated=now,
        )
        return Ready(noun, models, self._blobs, self._workspace)


def _check(models: Sequence[Model]) -> None:
    """An ensemble needs detectors that know the same classes."""
    if not models:
        raise Invalid("models: none given", fix="pass at least one, such as vehicles@7")
    _check_blocked(models)
    first = models[0]
    for place, model in enumerate(models):
        if model.digest in {other.digest for other in models[:place]}:
            raise Invalid(f"models: {model.ref} is there twice", fix="give it a weight instead")
        if model.signature.classes != first.signature.classes:
            raise Invalid(
                f"models: {model.ref} and {first.ref} have different classes",
                fix="an ensemble needs the same class names in the same order",
            )
    if len(models) > 1 and any(m.signature.task is not Task.DETECT for m in models):
        raise Invalid("models: only detectors can be an ensemble", fix="deploy one model")


def _check_weights(weights: Sequence[float], models: int) -> None:
    """One for each model, of a size that averages of scores survive."""
    if weights and len(weights) != models:
        raise Invalid(f"weights: {len(weights)} for {models} models", fix="give one for each")
    for place, weight in enumerate(weights):
        if not 0 < weight <= _MOST_WEIGHT:  # also what is no number
            raise Invalid(
                f"weights.{place}: {weight} is not above 0 and at most {_MOST_WEIGHT:.0f}",
                fix="only their ratio counts; leave a model out that should not count",
            )


def _check_blocked(models: Sequence[Model]) -> None:
    for model in models:
        if model.blocked:
            raise Conflict(
                f"models: {model.ref} may not be deployed: {model.blocked}",
                fix="deploy the original, or export it with other options",
            )


def _get(records: Records, name: str) -> Deployment:
    found = records.seek(Deployment, name)
    if found is None:
        known = ", ".join(d.name for d in records.find(Deployment, limit=10)) or "none"
        raise NotFound(f"no deployment named {name!r}", fix=f"there are: {known}")
    return found
