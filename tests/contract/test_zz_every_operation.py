"""Runs last: the contract suite leaves no operation out, on neither side."""

import pytest

from viseon.operation import operations
from viseon.platform import SERVICES


def test_every_operation_was_called_near_and_far(request, called):
    files = {item.path.name for item in request.session.items if "contract" in item.path.parts}
    here = {p.name for p in request.path.parent.glob("test_*.py")}
    if files != here:
        pytest.skip("only part of the contract suite was asked for")
    wanted = {
        (op.full_name, side)
        for service in SERVICES.values()
        for op in operations(service)
        for side in ("local", "remote")
    }
    assert sorted(wanted - called) == []
