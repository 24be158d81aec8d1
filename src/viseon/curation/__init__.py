"""Looking after what is in a dataset: health, duplicates."""

from viseon.curation.service import Curation
from viseon.curation.text import in_words

__all__ = ["Curation", "in_words"]
