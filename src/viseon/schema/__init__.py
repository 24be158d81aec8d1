"""The nouns of the platform: what is stored, sent and shown."""

from viseon.schema.access import (
    AuditRecord,
    NewToken,
    Principal,
    Role,
    Scope,
    Token,
    Workspace,
)
from viseon.schema.annotation import Annotation, Box, Object, Provenance
from viseon.schema.base import Clock, Digest, Name, Noun, Page, Time, canonical_json, digest_of
from viseon.schema.dataset import Change, Dataset, Diff, Sample, Split, Task, Version
from viseon.schema.errors import (
    ERRORS,
    Busy,
    Conflict,
    Failed,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    Unauthorized,
    Unavailable,
    ViseonError,
)
from viseon.schema.event import Event, EventKind, PathPoint, Rollup
from viseon.schema.job import Job, JobEvent, JobState, Resources
from viseon.schema.model import InputSpec, Model, Signature
from viseon.schema.run import Metric, Run, RunState
from viseon.schema.stream import Stream, StreamState

__all__ = [
    "ERRORS",
    "Annotation",
    "AuditRecord",
    "Box",
    "Busy",
    "Change",
    "Clock",
    "Conflict",
    "Dataset",
    "Diff",
    "Digest",
    "Event",
    "EventKind",
    "Failed",
    "Forbidden",
    "InputSpec",
    "Invalid",
    "Job",
    "JobEvent",
    "JobState",
    "Metric",
    "Model",
    "Name",
    "NewToken",
    "NotFound",
    "Noun",
    "Object",
    "Page",
    "PathPoint",
    "Principal",
    "Provenance",
    "Resources",
    "Role",
    "Rollup",
    "Run",
    "RunState",
    "Sample",
    "Scope",
    "Signature",
    "Split",
    "Stream",
    "StreamState",
    "Task",
    "Time",
    "Token",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Version",
    "ViseonError",
    "Workspace",
    "canonical_json",
    "digest_of",
]
