"""What the platform needs from the world, as small protocols."""

from viseon.ports.backend import Backend, SharedBackend, Tensor
from viseon.ports.blobs import (
    BlobStore,
    CountedBlobs,
    DirectBlobs,
    LocalBlobs,
    RawBlobs,
    Stored,
)
from viseon.ports.catalog import Catalog, Records
from viseon.ports.eventlog import EventLog
from viseon.ports.format import Contents, Format, LabelledFile
from viseon.ports.host import Launcher, Probe
from viseon.ports.images import Images
from viseon.ports.kinship import Kinship
from viseon.ports.labels import LabelHistory
from viseon.ports.remains import Affected, Remains
from viseon.ports.samples import Samples
from viseon.ports.tracker import Tracker
from viseon.ports.trainer import Example, Report, Trained, Trainer, TrainingData
from viseon.ports.video import Frame, Moment, Preview, Region, Sink, SinkContext, Source

__all__ = [
    "Affected",
    "Backend",
    "BlobStore",
    "Catalog",
    "Contents",
    "CountedBlobs",
    "DirectBlobs",
    "LocalBlobs",
    "EventLog",
    "Example",
    "Format",
    "Frame",
    "Images",
    "Kinship",
    "LabelHistory",
    "LabelledFile",
    "Launcher",
    "Moment",
    "Preview",
    "Probe",
    "RawBlobs",
    "Records",
    "Region",
    "Remains",
    "Report",
    "Samples",
    "Sink",
    "SinkContext",
    "SharedBackend",
    "Source",
    "Stored",
    "Tensor",
    "Tracker",
    "Trained",
    "Trainer",
    "TrainingData",
]
