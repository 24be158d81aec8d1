"""The page about the query language: everything on it runs, near and far."""

import json
import re
import shlex
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from viseon.cli import build_cli
from viseon.schema import Invalid

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/query.md").read_text(encoding="utf-8")

ROWS = {
    "door/a-0001.jpg": {
        "metadata": {"camera_id": "cam5", "captured_at": "2030-01-05T23:15:00+02:00", "blur": 0.5,
                     "tags": ["night"], "weather": {"sky": "grey"}, "occluded": False},
        "annotation": ["person", "person", "person", "car"],
        "width": 1920, "height": 1080, "split": "val",
    },
    "door/a-0002.jpg": {
        "metadata": {"camera_id": "cam6", "captured_at": "2030-01-07T09:00:00Z", "blur": 0.1},
        "annotation": ["person"],
    },
    "yard/b.png": {"metadata": {"camera_id": "cam7", "name": "über", "occluded": True}},
    "yard/c.jpg": {"metadata": {"blur": 3, "name": 'say "hi"'}, "annotation": [], "split": "train"},
}  # fmt: skip


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def lines(kind):
    return [
        re.split(r"\s+# ", line)[0] for block in blocks(kind) for line in block.strip().splitlines()
    ]


@pytest.fixture
def filled(platform):
    platform.datasets.create(name="shop", classes=("person", "car"), ratios={"val": 1})
    told = []
    for name, row in ROWS.items():
        row = {"filename": name, "digest": platform.blobs.put(name.encode())} | row
        if "annotation" in row:
            things = enumerate(row["annotation"])
            row["annotation"] = {
                "objects": [
                    {"id": str(i), "class_name": c, "box": [0, 0, 1, 1]} for i, c in things
                ],
                "reviewed": len(row["annotation"]) != 1,
            }
        told.append(json.dumps(row))
    digest = platform.blobs.put(b"test1")
    assert digest == sha256(b"test1").hexdigest()
    told.append(json.dumps({"filename": "z.jpg", "digest": digest}))
    platform.datasets.add("shop", rows=platform.blobs.put("\n".join(told).encode()))
    platform.datasets.commit("shop")
    return platform


def test_every_expression_of_the_page_finds_something(filled):
    asked = lines("query")
    assert len(asked) > 30
    for where in asked:
        assert filled.datasets.count("shop", where=where).total > 0, where
    everything = filled.datasets.count("shop").total
    telling = [w for w in asked if filled.datasets.count("shop", where=w).total < everything]
    assert telling == asked


def test_every_mistake_of_the_page_is_one(filled):
    for where in lines("refused"):
        with pytest.raises(Invalid, match="where, column") as told:
            filled.datasets.count("shop", where=where)
        assert told.value.fix, where


def test_the_two_ways_to_say_not_differ(filled):
    one = filled.datasets.count("shop", where='camera_id != "cam5"').total
    other = filled.datasets.count("shop", where='not camera_id == "cam5"').total
    assert (one, other) == (2, 4)


def test_every_command_and_every_call_of_the_page_runs(filled):
    cli = build_cli(lambda: filled)
    kinds = re.findall(r"```(bash|python)\n(.*?)```", PAGE, re.DOTALL)
    assert len(kinds) == 7
    for kind, block in kinds:
        for line in block.strip().splitlines():
            if kind == "python":
                exec(line, {"platform": filled})  # noqa: S102 (our own page)
                continue
            program, *words = shlex.split(line)
            assert program == "viseon"
            done = CliRunner().invoke(cli, words)
            assert done.exit_code == 0, (line, done.output, done.exception)
    assert filled.datasets.status("shop").pending == {"described": 2}
    assert filled.datasets.count("shop", where='"large" in tags').total == 1
    assert filled.datasets.count("shop", where='weather.sky == "clear" and blur is missing').total


def test_the_grammar_on_the_page_is_the_parsers():
    from viseon.datasets.query import parser

    for line in parser.__doc__.strip().splitlines()[2:]:
        assert line in PAGE
