"""What people type for a version: `shop@3`, `shop@golden`, `shop@latest`, or `shop`, the latest."""

import re

from viseon.platform import Platform
from viseon.schema import Invalid, Version

_REF = re.compile(r"^([a-z0-9][a-z0-9-]{0,62})(?:@([a-z0-9][a-z0-9-]{0,62}))?$")


def find_version(platform: Platform, ref: str) -> Version:
    """The version. Raises Invalid, or NotFound when nothing was committed yet."""
    matched = _REF.match(ref)
    if matched is None:
        raise Invalid(
            f"{ref!r} is not a version", fix="write NAME@NUMBER or NAME@TAG, such as shop@3"
        )
    return platform.datasets.resolve(matched[1], matched[2] or "latest")


def version_number(platform: Platform, ref: str) -> tuple[str, int]:
    """Dataset and number of the version."""
    found = find_version(platform, ref)
    return found.dataset, found.number
