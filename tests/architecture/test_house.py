"""The rules of the house that no linter knows."""

import ast
from pathlib import Path

import pytest

import viseon
from viseon.operation import operations
from viseon.platform import SERVICES, Platform
from viseon.schema import ERRORS, ViseonError

SRC = Path(viseon.__file__).parent
MODULES = sorted(SRC.rglob("*.py"))
BROAD = {"jobs/worker.py", "streams/runtime/run.py"}
"""Besides the last HTTP handler, which is registered for Exception rather than catching it."""
ENVIRONMENT = {"app.py", "settings.py", "cli/main.py", "adapters/launchers/process.py"}


def test_no_module_outgrows_a_sitting():
    long = {str(p): n for p in MODULES if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


def test_no_drawer_for_odds_and_ends():
    drawers = {"utils", "util", "helpers", "common", "misc", "manager"}
    assert {p for p in SRC.rglob("*") if p.stem in drawers} == set()


def test_every_module_opens_with_one_sentence():
    silent = [
        str(p.relative_to(SRC))
        for p in MODULES
        if p.read_text().strip() and ast.get_docstring(ast.parse(p.read_text())) is None
    ]
    assert silent == []


@pytest.mark.parametrize("noun", SERVICES)
def test_every_operation_is_typed_documented_and_under_its_own_noun(noun):
    ops = list(operations(SERVICES[noun]))
    assert ops, f"{noun} has no operations"
    for op in ops:
        assert op.help, f"{noun}.{op.name} has no docstring"
        assert op.needs is not None, f"{noun}.{op.name} does not say which role it needs"
        assert op.noun == noun, f"{noun}.{op.name} lives at {op.path}"
        assert all("{" + p.name + "}" in op.path for p in op.in_path), f"{noun}.{op.name}"
        assert op.path.count("{") == len(op.in_path), f"{noun}.{op.name}: {op.path}"


def test_reading_is_get_and_get_only_reads():
    for noun, service in SERVICES.items():
        for op in operations(service):
            name = op.name.split("_")[0]
            if name in ("create", "add", "remove", "commit", "start", "cancel", "put"):
                assert op.verb != "GET", f"{noun}.{op.name}"


def test_lists_are_paged():
    """A bare list of nouns cannot grow; only a Page can."""
    for noun, service in SERVICES.items():
        for op in operations(service):
            if op.name == "find" or op.name.startswith("find_"):
                text = str(op.signature.return_annotation)
                assert "Page[" in text, f"{noun}.{op.name} gives {text}"


def test_the_platform_has_one_attribute_per_noun():
    assert set(Platform.__annotations__) == {*SERVICES, "blobs"}


def test_every_service_of_the_house_is_bound_to_a_caller(house):
    platform = house.platform()
    unbound = [noun for noun in SERVICES if not hasattr(getattr(platform, noun), "_binding")]
    assert unbound == []


def test_every_error_has_a_code_of_its_own():
    kinds = ViseonError.__subclasses__()
    assert {k.code for k in kinds} == set(ERRORS)


def test_broad_excepts_stay_in_their_places():
    found = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node):
                found.add(str(path.relative_to(SRC)))
    assert found <= BROAD


def _is_broad(node):
    bare = node.type is None or (
        isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
    )
    reraises = any(isinstance(n, ast.Raise) and n.exc is None for n in ast.walk(node))
    return bare and not reraises


def test_the_environment_is_read_in_few_places():
    found = {
        str(p.relative_to(SRC))
        for p in MODULES
        if "os.environ" in p.read_text() or "getenv" in p.read_text()
    }
    assert found <= ENVIRONMENT


def test_importing_viseon_is_quick_and_light():
    """`import viseon` must not load what a user may never need."""
    import subprocess
    import sys

    heavy = ["torch", "onnxruntime", "sqlalchemy", "fastapi", "alembic"]
    code = f"import sys, viseon; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
