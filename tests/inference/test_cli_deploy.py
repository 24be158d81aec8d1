"""`viseon deploy` and `viseon export`, as typed."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from viseon.cli.main import build_cli
from viseon.schema import Invalid


@pytest.fixture
def run(local, make_onnx):
    for number in range(2):
        rows = np.random.default_rng(number).random((84, 8)).astype(np.float32)
        onnx = local.blobs.put(make_onnx({"output": rows}, file=f"{number}.onnx").read_bytes())
        local.models.add(name="boxes", onnx=onnx)
    cli = build_cli(lambda: local)
    return lambda *words: CliRunner().invoke(cli, list(words), catch_exceptions=False)


def test_deploying_creates_then_swaps_and_keeps_what_was_set(run, local):
    first = run("deploy", "boxes@1", "--name", "door", "--set", "max_batch=4")
    assert json.loads(first.stdout)["models"] == ["boxes@1"]
    assert "POST /v1/deployments/door/predict" in first.stderr
    second = run("deploy", "boxes@2", "--name", "door", "--set", "timeout_ms=500")
    told = json.loads(second.stdout)
    assert (told["models"], told["revision"]) == (["boxes@2"], 2)
    assert (told["serving"]["max_batch"], told["serving"]["timeout_ms"]) == (4, 500.0)
    assert [d.name for d in local.deployments.find().items] == ["door"]


def test_the_model_s_name_is_the_deployment_s(run, local):
    run("deploy", "boxes")
    assert local.deployments.get("boxes").models == ("boxes@2",)


def test_a_setting_nobody_knows_is_named(run):
    with pytest.raises(Invalid, match="max_bach") as error:
        run("deploy", "boxes", "--set", "max_bach=4")
    assert "max_batch" in error.value.fix
