"""Names of a package that load when they are first used (PEP 562)."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def later(
    package: str, where: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package: `where` tells which module has a name.

    A module's own name stands for the module. What was loaded once is an attribute from then on.
    """

    def load(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name)
        module = import_module(where[name])
        found = module if where[name] == f"{package}.{name}" else getattr(module, name)
        setattr(import_module(package), name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(import_module(package)), *where})

    return load, names
