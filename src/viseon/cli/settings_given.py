"""What people write after `--set`: `key=value`, dotted keys for what is nested."""

from typing import Any

from viseon.schema import Invalid


def given_settings(pairs: list[str]) -> dict[str, Any]:
    """As nested values; numbers, booleans and lists as YAML reads them. Raises Invalid."""
    given: dict[str, Any] = {}
    if not pairs:
        return given
    import yaml  # most commands are told nothing

    for pair in pairs:
        key, found, value = pair.partition("=")
        if not found:
            raise Invalid(f"--set {pair!r}: there is no `=`", fix="--set key=value")
        place = given
        *outer, last = key.split(".")
        for part in outer:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise Invalid(f"--set {pair!r}: {part} has a value already", fix="give it once")
        try:
            place[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise Invalid(f"--set {pair!r}: the value cannot be read") from error
    return given
