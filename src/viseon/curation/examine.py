"""What one file says about itself."""

from dataclasses import dataclass
from typing import Literal

from viseon.ports import BlobStore, Images
from viseon.schema import Digest, Failed, Invalid, NotFound, TooLarge
from viseon.vision.phash import Hash, is_blank, perceptual_hash

State = Literal["fine", "missing", "empty", "corrupt", "oversized", "blank"]


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What reading and decoding a file gave; `hash` only where there is something to see."""

    state: State
    why: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0
    hash: Hash | None = None


def examine(digest: Digest, blobs: BlobStore, images: Images) -> Facts:
    """Read and decode one file; nothing it holds makes this fail."""
    try:
        data = blobs.get(digest)
    except NotFound:
        return Facts("missing", "its bytes are not stored")
    except Failed as error:
        return Facts("corrupt", error.message)
    if not data:
        return Facts("empty", "0 bytes")
    try:
        pixels = images.decode(data)
    except TooLarge as error:
        return Facts("oversized", error.message, len(data))
    except Invalid as error:
        return Facts("corrupt", error.message, len(data))
    height, width = pixels.shape[:2]
    hash = perceptual_hash(pixels)
    if is_blank(hash):
        return Facts("blank", "one colour all over", len(data), width, height)
    return Facts("fine", "", len(data), width, height, hash)
