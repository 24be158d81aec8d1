"""LitServe with the same model: a picture as base64 in JSON, as its documentation sends them."""

import base64
import sys

import litserve
from detect import Detect


class Api(litserve.LitAPI):
    def setup(self, device):  # noqa: ARG002  # LitServe's own signature
        self.detect = Detect()

    def decode_request(self, request):
        return base64.b64decode(request["image"])

    def predict(self, data):
        return self.detect(data)

    def encode_response(self, output):
        return {"objects": output}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(
        port=int(sys.argv[1]), host="127.0.0.1", log_level="warning", generate_client_file=False
    )
