"""Puts the services of one caller together, each when it is first used."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viseon.jobs import Jobs
from viseon.operation import Binding, bind
from viseon.ports import BlobStore, Catalog, EventLog, Images
from viseon.schema import Clock

if TYPE_CHECKING:
    from viseon.access import Access
    from viseon.annotations import Annotations
    from viseon.curation import Curation
    from viseon.datasets import Datasets, Views
    from viseon.deployments import Deployments, ModelServer
    from viseon.events import Events
    from viseon.models import Models
    from viseon.recipes import Recipes
    from viseon.runs import Runs
    from viseon.storage import Storage
    from viseon.streams import Hub, Streams


@dataclass(frozen=True, slots=True)
class Assembly:
    """What services are made of; what takes long to load is asked for."""

    binding: Binding
    catalog: Catalog
    registry: Catalog
    """Where tokens and the list of workspaces live."""
    blobs: BlobStore
    images: Callable[[], Images]
    events: EventLog
    jobs: Jobs
    hub: Callable[[], "Hub"]
    model_server: "Callable[[], ModelServer]"
    uploads: Path
    now: Clock

    def service(self, noun: str) -> Any:
        """The service of a noun, bound to the caller."""
        service = getattr(self, f"_{noun}")()
        bind(service, self.binding)
        return service

    def _datasets(self) -> "Datasets":
        from viseon.datasets import Datasets

        return Datasets(self.catalog, self.blobs, self.now, self.images())

    def _views(self) -> "Views":
        from viseon.datasets import Views

        return Views(self.catalog, self.now)

    def _annotations(self) -> "Annotations":
        from viseon.annotations import Annotations

        return Annotations(self.catalog, self.binding.scope, self.now)

    def _curation(self) -> "Curation":
        from viseon.curation import Curation

        return Curation(self.catalog, self.blobs, self.images(), self.now)

    def _recipes(self) -> "Recipes":
        from viseon.datasets import publish
        from viseon.recipes import Recipes

        sink = partial(publish, self.service("datasets"))
        return Recipes(self.catalog, self.blobs, self.images(), self.now, sink)

    def _runs(self) -> "Runs":
        from viseon.runs import Runs

        return Runs(self.catalog, self.blobs, self.images(), self.now)

    def _models(self) -> "Models":
        from viseon.models import Models

        return Models(self.catalog, self.blobs, self.images(), self.now)

    def _deployments(self) -> "Deployments":
        from viseon.deployments import Deployments

        workspace = self.binding.scope.workspace
        server = self.model_server()
        return Deployments(self.catalog, self.blobs, server, self.now, workspace=workspace)

    def _streams(self) -> "Streams":
        from viseon.streams import Streams

        newest = partial(self.hub().newest, self.binding.scope.workspace)
        return Streams(self.catalog, self.now, newest=newest)

    def _events(self) -> "Events":
        from viseon.events import Events

        return Events(self.catalog, self.events)

    def _jobs(self) -> Jobs:
        return self.jobs

    def _storage(self) -> "Storage":
        from viseon.datasets import VersionBooks
        from viseon.storage import Storage

        return Storage(self.catalog, self.blobs, self.now, VersionBooks(), self.uploads)

    def _access(self) -> "Access":
        from viseon.access import Access

        return Access(self.registry, self.catalog, self.binding.scope, self.now)
