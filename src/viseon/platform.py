"""Everything viseon can do, in one object. In process or far away, it is the same object."""

from dataclasses import dataclass

from viseon.access import Access
from viseon.annotations import Annotations
from viseon.curation import Curation
from viseon.datasets import Datasets, Views
from viseon.deployments import Deployments
from viseon.events import Events
from viseon.jobs import Jobs
from viseon.models import Models
from viseon.ports import BlobStore
from viseon.recipes import Recipes
from viseon.runs import Runs
from viseon.storage import Storage
from viseon.streams import Streams

SERVICES: dict[str, type] = {
    "datasets": Datasets,
    "views": Views,
    "annotations": Annotations,
    "curation": Curation,
    "recipes": Recipes,
    "runs": Runs,
    "models": Models,
    "deployments": Deployments,
    "streams": Streams,
    "events": Events,
    "jobs": Jobs,
    "storage": Storage,
    "access": Access,
}
"""Noun to service. The noun is the URL segment, the SDK attribute and the CLI group."""


@dataclass(frozen=True, slots=True)
class Platform:
    """One attribute per noun, and the bytes they refer to; for one principal in one workspace."""

    blobs: BlobStore
    datasets: Datasets
    views: Views
    annotations: Annotations
    curation: Curation
    recipes: Recipes
    runs: Runs
    models: Models
    deployments: Deployments
    streams: Streams
    events: Events
    jobs: Jobs
    storage: Storage
    access: Access
