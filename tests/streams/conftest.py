import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import blocks  # noqa: E402


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A store with the blocks model registered, in a folder of its own."""
    blocks.install(monkeypatch.setattr)
    shop = blocks.Shop(tmp_path).with_model()
    yield shop
    shop.store.close()
