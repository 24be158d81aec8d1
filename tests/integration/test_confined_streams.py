"""Where strangers may configure streams, a stream sees only its workspace's folder."""

import shutil

import pytest

from viseon.app import House
from viseon.schema import StreamState
from viseon.settings import Settings

YAML = """
stream: hall
source: {{kind: video, path: {path}}}
model: bright@1
sinks: [{{kind: jsonl, path: out.jsonl}}]
"""


@pytest.fixture
def confined(tmp_path, box_model):
    house = House(Settings(home=tmp_path / "home", auth="token", jobs="inline"))
    platform = house.platform()
    platform.models.add(name="bright", onnx=platform.blobs.add(box_model), classes=("bar",))
    yield house
    house.close()


def ran(house, path):
    stream = house.platform().streams.apply(document=YAML.format(path=path))
    return house.run_stream(stream)


def test_a_path_outside_is_refused(confined, crossing_video):
    status = ran(confined, crossing_video)
    assert status.state is StreamState.FAILED
    assert str(crossing_video) in status.reason


def test_a_path_inside_is_fine(confined, crossing_video):
    folder = confined.settings.home / "files" / "default"
    folder.mkdir(parents=True)
    shutil.copy(crossing_video, folder / "film.mp4")
    assert ran(confined, "film.mp4").state is StreamState.DONE
    assert (folder / "out.jsonl").exists()
