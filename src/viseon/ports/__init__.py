"""What the platform needs from the world, as small protocols."""

from viseon.ports.backend import Backend, Tensor
from viseon.ports.blobs import BlobStore, DirectBlobs, RawBlobs
from viseon.ports.catalog import Catalog, Records
from viseon.ports.eventlog import EventLog
from viseon.ports.format import Contents, Format, LabelledFile
from viseon.ports.host import Launcher, Probe
from viseon.ports.images import Images
from viseon.ports.kinship import Kinship
from viseon.ports.samples import Samples
from viseon.ports.tracker import Tracker
from viseon.ports.trainer import Example, Report, Trained, Trainer, TrainingData
from viseon.ports.video import Frame, Moment, Preview, Region, Sink, SinkContext, Source

__all__ = [
    "Backend",
    "BlobStore",
    "Catalog",
    "Contents",
    "DirectBlobs",
    "EventLog",
    "Example",
    "Format",
    "Frame",
    "Images",
    "Kinship",
    "LabelledFile",
    "Launcher",
    "Moment",
    "Preview",
    "Probe",
    "RawBlobs",
    "Records",
    "Region",
    "Report",
    "Samples",
    "Sink",
    "SinkContext",
    "Source",
    "Tensor",
    "Tracker",
    "Trained",
    "Trainer",
    "TrainingData",
]
