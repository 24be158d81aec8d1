"""Everything viseon can do, in one object. In process or far away, it is the same object."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Any

from viseon.ports import BlobStore

if TYPE_CHECKING:
    from viseon.access import Access
    from viseon.annotations import Annotations
    from viseon.curation import Curation
    from viseon.datasets import Datasets, Views
    from viseon.deployments import Deployments
    from viseon.events import Events
    from viseon.jobs import Jobs
    from viseon.models import Models
    from viseon.recipes import Recipes
    from viseon.runs import Runs
    from viseon.storage import Storage
    from viseon.streams import Streams


class _Services(Mapping[str, type]):
    """Classes by noun, each loaded when it is asked for: no command needs all of them."""

    def __init__(self, where: Mapping[str, str]) -> None:
        self._where = where

    def __getitem__(self, noun: str) -> type:
        module, _, name = self._where[noun].partition(":")
        service: type = getattr(import_module(module), name)
        return service

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, noun: object) -> bool:
        return noun in self._where


SERVICES: Mapping[str, type] = _Services(
    {
        "datasets": "viseon.datasets:Datasets",
        "views": "viseon.datasets:Views",
        "annotations": "viseon.annotations:Annotations",
        "curation": "viseon.curation:Curation",
        "recipes": "viseon.recipes:Recipes",
        "runs": "viseon.runs:Runs",
        "models": "viseon.models:Models",
        "deployments": "viseon.deployments:Deployments",
        "streams": "viseon.streams:Streams",
        "events": "viseon.events:Events",
        "jobs": "viseon.jobs:Jobs",
        "storage": "viseon.storage:Storage",
        "access": "viseon.access:Access",
    }
)
"""Noun to service. The noun is the URL segment, the SDK attribute and the CLI group."""


_LOADING = RLock()
"""Threads that load modules which want each other see them half loaded."""


class Platform:
    """One attribute per noun, and the bytes they refer to; for one principal in one workspace.

    A service is made by `make(noun)` when it is first used. Nothing else can be set.
    """

    datasets: "Datasets"
    views: "Views"
    annotations: "Annotations"
    curation: "Curation"
    recipes: "Recipes"
    runs: "Runs"
    models: "Models"
    deployments: "Deployments"
    streams: "Streams"
    events: "Events"
    jobs: "Jobs"
    storage: "Storage"
    access: "Access"
    blobs: BlobStore

    def __init__(self, blobs: BlobStore, make: Callable[[str], Any]) -> None:
        vars(self).update(blobs=blobs, _make=make)

    def __getattr__(self, noun: str) -> Any:
        if noun not in SERVICES:
            raise AttributeError(f"a platform has no {noun!r}; it has {', '.join(SERVICES)}")
        with _LOADING:
            if noun not in vars(self):
                vars(self)[noun] = self._make(noun)
        return vars(self)[noun]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name!r} of a platform cannot be set")

    def __repr__(self) -> str:
        return f"<Platform: {', '.join(SERVICES)}>"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *SERVICES})
