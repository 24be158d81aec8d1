"""Remembers which operations the contract suite called, near and far."""

import pytest

from viseon import operation as mechanism

CALLED: set[tuple[str, str]] = set()


@pytest.fixture(autouse=True)
def recorded(request, monkeypatch):
    """Note every operation that is called from outside, and from which side."""
    if "platform" not in request.fixturenames:
        return
    side = request.node.callspec.params.get("platform", "local")
    perform = mechanism._perform

    def noted(op, service, args, kwargs):
        CALLED.add((op.full_name, side))
        return perform(op, service, args, kwargs)

    monkeypatch.setattr(mechanism, "_perform", noted)


@pytest.fixture
def called():
    """(operation, side) of every call so far."""
    return CALLED
