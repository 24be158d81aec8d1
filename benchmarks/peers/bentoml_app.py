"""BentoML with the same model: raw bytes in (a file), JSON out."""

from pathlib import Path

import bentoml
from detect import Detect


@bentoml.service(workers=1, traffic={"timeout": 60}, metrics={"enabled": False})
class Api:
    def __init__(self):
        self.detect = Detect()

    @bentoml.api(route="/predict")
    def predict(self, image: Path) -> dict:
        return {"objects": self.detect(image.read_bytes())}
