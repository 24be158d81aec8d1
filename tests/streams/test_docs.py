"""What the pages about streams say is what the code does."""

import re
from pathlib import Path

import blocks
import pytest
import yaml

from viseon import plugins
from viseon.schema import Event
from viseon.streams import config
from viseon.streams.check import check
from viseon.streams.document import read

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = (REPOSITORY / "docs/reference/stream-yaml.md").read_text(encoding="utf-8")
TUTORIAL = (REPOSITORY / "docs/tutorials/count-people.md").read_text(encoding="utf-8")
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.yaml"))


class _Model:
    ref, digest = "people@3", "0" * 64
    signature = blocks.SIGNATURE.model_copy(update={"classes": ("person", "car")})


def blocks_of(page):
    return re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("text", blocks_of(REFERENCE), ids=range(len(blocks_of(REFERENCE))))
def test_every_document_of_the_reference_is_accepted(text):
    check(read(text), lambda *_: _Model)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_accepted(path):
    check(read(path.read_text(), name=path.name), lambda *_: _Model)


def test_the_tutorial_shows_the_example_as_it_is():
    example = yaml.safe_load((REPOSITORY / "examples/entrance-people.yaml").read_text())
    (shown,) = (yaml.safe_load(text) for text in blocks_of(TUTORIAL))
    assert {key: example[key] for key in shown} == shown


@pytest.mark.parametrize(
    "model",
    [
        config.StreamSpec,
        config.Detect,
        config.LineSpec,
        config.ZoneSpec,
        config.RuleSpec,
        config.SnapshotPolicy,
        Event,
    ],
)
def test_the_reference_leaves_no_key_out(model):
    names = [field.alias or name for name, field in model.model_fields.items()]
    assert [n for n in names if f"`{n}`" not in REFERENCE and f"`{n}: " not in REFERENCE] == []


@pytest.mark.parametrize("kind", ["source", "sink"])
def test_the_reference_leaves_no_plugin_of_ours_and_none_of_its_options_out(kind):
    for name in (
        {"video", "folder", "scene"} if kind == "source" else {"events", "jsonl", "csv", "video"}
    ):
        fields = plugins.find(kind, name).config.model_fields
        (row,) = [
            line
            for line in REFERENCE.split(f"### {kind}")[1].split("###")[0].splitlines()
            if line.startswith(f"| `{name}`")
        ]
        assert [f for f in fields if f"`{f}" not in row and f != "started_at"] == []
