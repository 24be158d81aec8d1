"""Whole programs: the command line in processes of their own."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def viseon(home):
    """Runs `viseon …`; gives the finished process with its output as text."""

    def run(*arguments, check=True, timeout=120, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "viseon", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=os.environ | {"VISEON_HOME": str(home)} | environment,
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture
def serving(home):
    """Starts `viseon serve` on a free port; ended when the block is left."""

    @contextmanager
    def serve(*arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "viseon", "serve", "--port", "0", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"VISEON_HOME": str(home)} | environment,
        )
        try:
            url = None
            for line in process.stderr:
                if found := re.search(r"http://\S+", line):
                    url = found[0]
                    break
            assert url, "the server said no address"
            _await(url)
            yield url, process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(20)
            process.stderr.close()

    return serve


def _await(url):
    for _ in range(100):
        try:
            if httpx.get(f"{url}/healthz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")
