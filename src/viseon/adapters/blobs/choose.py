"""Which store the settings name: a folder or a bucket, sealed or not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from viseon.adapters.blobs.files import FileBlobs
from viseon.ports import BlobStore
from viseon.schema import Unavailable

Blobs = Callable[[str], BlobStore]
"""The blobs of a workspace; cheap."""


def open_blobs(location: str, folder: Path, *, key: Path | None = None, **access: str) -> Blobs:
    """The blobs at `location`, such as `s3://bucket/prefix`; in `folder` when it is empty.

    `access` is the bucket's endpoint, region, access_key and secret_key where not in the
    environment; `key` the file with the encryption key. Raises Invalid or Unavailable.
    """
    found: Callable[[str], Any]
    if location:
        found = _bucket(location, access)
    else:
        found = lambda workspace: FileBlobs(folder / workspace)  # noqa: E731
    return found if key is None else _sealed(found, key)


def _bucket(location: str, access: dict[str, str]) -> Callable[[str], Any]:
    try:
        from viseon.adapters.blobs.s3 import S3Access, S3Bucket
    except ModuleNotFoundError as error:
        raise _lacking(error, "blobs") from None
    return S3Bucket(location, S3Access(**access)).blobs


def _sealed(inner: Callable[[str], Any], key: Path) -> Blobs:
    try:
        from viseon.adapters.blobs.encrypted import EncryptedBlobs, read_key
    except ModuleNotFoundError as error:
        raise _lacking(error, "encryption_key") from None
    secret = read_key(key)
    return lambda workspace: EncryptedBlobs(inner(workspace), secret)


def _lacking(error: ModuleNotFoundError, setting: str) -> Unavailable:
    return Unavailable(
        f"{setting}: needs the package {error.name!r}", fix="pip install 'viseon[s3]'"
    )
