"""Every kind of plugin is documented by a plugin that works."""

import re
from pathlib import Path
from typing import get_args

import pytest

from viseon.plugins import Kind, find, names

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "plugins"


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_documented_plugin_keeps_its_contract(kind):
    page = FOLDER / f"{kind}.md"
    assert page.exists(), f"write {page}"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    assert blocks
    if "import torch" in "".join(blocks):
        pytest.importorskip("torch", reason="install viseon[train] to run this page")
    namespace = {"__name__": f"documented_{kind}"}
    for block in blocks:
        exec(compile(block, str(page), "exec"), namespace)
    assert namespace["plugin"].kind == kind


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_option_of_a_built_in_plugin_says_what_it_does(kind):
    """The schema is the YAML reference, the help and the form: a silent option is a riddle."""
    for name in names(kind):
        config = find(kind, name).config
        if config.__module__.startswith("viseon."):
            fields = config.model_json_schema().get("properties", {})
            silent = [option for option, schema in fields.items() if "description" not in schema]
            assert not silent, f"{kind} {name}"
