"""A command loads what it needs and nothing else: people type `viseon` all day."""

import json
import subprocess
import sys
from importlib import import_module

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from viseon import __version__
from viseon.cli import build_cli
from viseon.cli.commands import APART, EVERYTHING, NOUNS, PORCELAIN
from viseon.cli.main import _wanted
from viseon.platform import SERVICES

COMMANDS = [name for names in (*PORCELAIN.values(), *APART.values(), SERVICES) for name in names]

LOOK = """
import json, sys
from viseon.cli.main import build_cli, open_platform
build_cli(open_platform, "log")
open_platform().datasets.find()
print(json.dumps(sorted(sys.modules)))
"""

HEAVY = (
    "fastapi", "httpx", "onnxruntime", "opentelemetry", "torch", "uvicorn", "yaml",
    "sqlalchemy.orm", "viseon.client", "viseon.deployments", "viseon.models",
    "viseon.recipes", "viseon.rest", "viseon.runs", "viseon.streams", "viseon.vision.trackers",
)  # fmt: skip


def unopened():
    raise AssertionError("help opens no platform")


def test_every_command_is_in_the_table_and_every_entry_of_the_table_is_a_command():
    found = get_command(build_cli(unopened)).commands
    assert sorted(found) == sorted(COMMANDS)
    assert set(NOUNS) <= set(SERVICES)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_alone_is_what_it_is_among_all(name):
    alone = build_cli(unopened, name)
    said = CliRunner().invoke(alone, [name, "--help"]).output
    assert said == CliRunner().invoke(build_cli(unopened), [name, "--help"]).output
    assert name in said
    mates = next((n for n in (*PORCELAIN.values(), *APART.values()) if name in n), (name,))
    assert set(get_command(alone).commands) == set(mates)


def test_the_version_needs_no_command():
    run = CliRunner().invoke(build_cli(unopened, "--version"), ["--version"])
    assert run.output == f"viseon {__version__}\n"


@pytest.mark.parametrize("name", ["nonsense", ""])
def test_a_name_that_is_none_of_them_gets_them_all(name):
    assert sorted(get_command(build_cli(unopened, name)).commands) == sorted(COMMANDS)


def test_what_a_command_on_datasets_loads(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={"VISEON_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    loaded = json.loads(done.stdout)
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("package", ["vision", "inference", "datasets"])
def test_what_a_package_promises_is_there(package):
    """Also what loads when first used."""
    module = import_module(f"viseon.{package}")
    assert set(module.__all__) <= set(dir(module))
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    with pytest.raises(AttributeError, match="nonsense"):
        module.nonsense  # noqa: B018


@pytest.mark.parametrize("words", [["--version", "import"], ["--version", "--help"]])
def test_an_option_before_a_command_needs_all_of_them(words):
    assert _wanted(words) == EVERYTHING
    run = CliRunner().invoke(build_cli(unopened, _wanted(words)), words)
    assert run.exit_code == 0


@pytest.mark.parametrize("words", [["-h"], ["import", "-h"], ["streams", "find", "-h"]])
def test_the_short_question_is_answered_too(words):
    run = CliRunner().invoke(build_cli(unopened), words)
    assert run.exit_code == 0
    assert "Usage:" in run.output
