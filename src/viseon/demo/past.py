"""The process that draws the model's training data again, and how far it is."""

import subprocess
import sys
import threading
from pathlib import Path

from viseon.schema import Noun


class Progress(Noun):
    """How far it is."""

    done: float = 0.0
    """From 0 to 1."""
    stage: str = ""
    problem: str = ""
    """Why it will not be finished."""


class Past:
    """Draws the training data again in a process of its own, so that the page stays quick."""

    def __init__(self, home: Path) -> None:
        self._command = [sys.executable, "-m", "viseon.demo", str(home)]
        self._process: subprocess.Popen[str] | None = None
        self._listener = threading.Thread(target=self._listen, name="past", daemon=True)
        self._stopping = False
        self.progress = Progress()

    def start(self) -> None:
        """Begin; returns at once."""
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            self._command, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._listener.start()

    def wait(self) -> Progress:
        """Until it is done or has failed."""
        self._listener.join()
        return self.progress

    def stop(self) -> None:
        """Give up; the next start goes on where this one stopped."""
        self._stopping = True
        if self._process is not None:
            self._process.terminate()
            self._listener.join()

    def _listen(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        for line in process.stdout:
            self.progress = Progress.model_validate_json(line)
        code = process.wait()
        if code and not self._stopping and not self.progress.problem:
            problem = f"drawing the training images ended with exit code {code}"
            self.progress = self.progress.model_copy(update={"problem": problem})
