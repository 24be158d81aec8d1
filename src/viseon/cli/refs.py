"""What people type for a version: `shop@3`, `shop@production`, or `shop` for the latest."""

import re

from viseon.platform import Platform
from viseon.schema import Invalid, NotFound

_REF = re.compile(r"^([a-z0-9][a-z0-9-]{0,62})(?:@([a-z0-9-]+))?$")


def version_number(platform: Platform, ref: str) -> tuple[str, int]:
    """Dataset and number. Raises Invalid, or NotFound when nothing was committed yet."""
    matched = _REF.match(ref)
    if matched is None:
        raise Invalid(f"{ref!r} is not a version", fix="write NAME or NAME@NUMBER, such as shop@3")
    name, number = matched[1], matched[2]
    if number is not None and number.isdigit():
        return name, platform.datasets.version(name, int(number)).number
    if number is not None:
        return name, _tagged(platform, name, number)
    head = platform.datasets.get(name).head
    if head == 0:
        raise NotFound(
            f"dataset {name!r} has no version yet", fix=f'viseon commit {name} -m "first"'
        )
    return name, head


def _tagged(platform: Platform, name: str, tag: str) -> int:
    cursor = ""
    while True:
        page = platform.datasets.log(name, cursor=cursor, limit=100)
        for version in page.items:
            if tag in version.tags:
                return version.number
        if page.next is None:
            raise NotFound(f"no version of {name!r} is tagged {tag!r}", fix=f"viseon log {name}")
        cursor = page.next
