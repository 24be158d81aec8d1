"""Fixtures everybody uses: a store in a folder, and the same platform near and far."""

import os
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from viseon.app import House, Settings
from viseon.client import connect
from viseon.rest import create_app

REPOSITORY = Path(__file__).resolve().parent.parent


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
