"""One small language to ask for samples, read into a tree; adapters turn it into theirs."""

from viseon.datasets.query.names import Vocabulary
from viseon.datasets.query.parser import parse

__all__ = ["Vocabulary", "parse"]
