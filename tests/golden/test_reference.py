"""The generated pages of the reference say what the code says."""

import importlib
import subprocess
import sys
from pathlib import Path

from viseon import plugins

ROOT = Path(__file__).resolve().parents[2]


def test_the_reference_is_up_to_date():
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_formats_lose_nothing_silently_but_metadata(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    table = importlib.import_module("formats_table")
    said = {(name, fact): table.kept(name, fact) for name in table.FORMATS for fact in table.FACTS}
    assert {fact for (_, fact), how in said.items() if how == "lost"} == {"metadata"}
    assert {how for (name, _), how in said.items() if name == "coco"} == {"yes"}


def test_every_format_is_in_the_table(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    table = importlib.import_module("formats_table")
    assert set(table.FORMATS) == set(plugins.names("format")) - {"yolo"}
