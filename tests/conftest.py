"""Fixtures everybody uses: a store in a folder, and the same platform near and far."""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from viseon.adapters.sql import open_store
from viseon.app import House
from viseon.client import connect
from viseon.operation import operations
from viseon.platform import SERVICES
from viseon.rest import create_app
from viseon.settings import Settings

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure(config):
    """Where the contract suite notes (operation, side) of every call, and the files it ran."""
    config.called, config.ran = set(), set()


def pytest_collection_finish(session):
    session.config.ran |= {i.path.name for i in session.items if "contract" in i.path.parts}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """A process of several reports what it saw."""
    told = getattr(node, "workeroutput", {})
    node.config.called |= {tuple(call) for call in told.get("called", ())}
    node.config.ran |= set(told.get("ran", ()))


def pytest_sessionfinish(session, exitstatus):
    """After the whole contract suite: it must leave no operation out, on neither side."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput |= {"called": sorted(config.called), "ran": sorted(config.ran)}
        return
    whole = {p.name for p in (REPOSITORY / "tests" / "contract").glob("test_*.py")}
    if exitstatus != pytest.ExitCode.OK or config.ran != whole or config.option.keyword:
        return
    wanted = {(op.full_name, s) for kind in SERVICES.values() for op in operations(kind)
              for s in ("local", "remote")}  # fmt: skip
    if left := sorted(wanted - config.called):
        config.get_terminal_writer().line(f"\nthe contract suite never called: {left}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def shared_data():
    """Real videos, a real detector and annotation files that are not part of the repository."""
    folder = Path(os.environ.get("VISEON_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set VISEON_SHARED_DATA to run this test")
    return folder


@pytest.fixture
def house(tmp_path):
    house = House(Settings(home=tmp_path / "home", jobs="inline"))
    yield house
    house.close()


@pytest.fixture
def local(house):
    """The platform in this process."""
    return house.platform()


@pytest.fixture
def served(house):
    """An HTTP client of the platform's server."""
    with TestClient(create_app(house), raise_server_exceptions=False) as http:
        yield http


@pytest.fixture(params=["local", "remote"])
def platform(request, local):
    """The same platform, in process and across HTTP: every test runs on both."""
    if request.param == "local":
        return local
    return connect("http://testserver", http=request.getfixturevalue("served"))


POSTGRES = os.environ.get("VISEON_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")


@pytest.fixture(scope="session")
def postgres_server():
    """Runs SQL on a PostgreSQL server where tests may create schemas."""
    psycopg = pytest.importorskip("psycopg")
    try:
        connection = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip("no PostgreSQL server: set VISEON_TEST_POSTGRES to run this test")
    with connection:
        yield connection.execute


@pytest.fixture
def postgres_url(postgres_server):
    """A schema of its own, as good as a database and faster to make."""
    name = f"viseon_{secrets.token_hex(8)}"
    postgres_server(f"create schema {name}")
    yield f"{POSTGRES}?options=-csearch_path%3D{name}"
    postgres_server(f"drop schema {name} cascade")


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request, tmp_path):
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def store(store_url):
    """An open, empty store on each kind of database; its clock stands still."""
    opened = open_store(store_url, now=lambda: NOON)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def box_model(tmp_path_factory):
    """An ONNX file that sees one box in every picture, wherever the bright pixels are.

    Input 1x3x64x64 in 0..1; the box spans 16 pixels around the mean bright column.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    columns = np.arange(64, dtype=np.float32).reshape(1, 1, 1, 64)
    box = np.array([[[-8, 16, 8, 48]]], np.float32)
    constants = {
        "columns": columns,
        "box": box,
        "across": np.array([[[1, 0, 1, 0]]], np.float32),
        "little": np.array(1e-6, np.float32),
        "shape": np.array([1, 1, 1], np.int64),
        "score": np.array([[[0.9]]], np.float32),
        "nought": np.array(0, np.float32),
        "half": np.array(0.5, np.float32),
    }
    nodes = [
        helper.make_node("Greater", ["images", "half"], ["bright?"]),
        helper.make_node("Cast", ["bright?"], ["bright"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["bright", "columns"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted"], ["total"], keepdims=0),
        helper.make_node("ReduceSum", ["bright"], ["count"], keepdims=0),
        helper.make_node("Add", ["count", "little"], ["count+"]),
        helper.make_node("Div", ["total", "count+"], ["middle"]),
        helper.make_node("Reshape", ["middle", "shape"], ["middle3"]),
        helper.make_node("Mul", ["middle3", "across"], ["shift"]),
        helper.make_node("Add", ["box", "shift"], ["boxes"]),
        helper.make_node("Mul", ["middle3", "nought"], ["none"]),
        helper.make_node("Add", ["score", "none"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 1, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1, 1]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    path = tmp_path_factory.mktemp("model") / "bright.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="session")
def crossing_video(tmp_path_factory):
    """64x64, 10 fps, 40 frames: a bright bar goes from left to right and back."""
    import cv2
    import numpy as np

    path = tmp_path_factory.mktemp("video") / "bar.mp4"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 64))
    for index in range(40):
        x = 10 + 2 * index if index < 20 else 10 + 2 * (39 - index)
        frame = np.zeros((64, 64, 3), np.uint8)
        frame[:, x : x + 6] = 255
        video.write(frame)
    video.release()
    return path
