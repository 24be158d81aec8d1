"""What every peer does with a picture: the same decode, letterbox, model and suppression."""

import os

import cv2
import numpy as np
import onnxruntime as ort

SIDE = 416


class Detect:
    def __init__(self, path=None, *, spin_us=None):
        options = ort.SessionOptions()
        if spin_us is not None:
            options.add_session_config_entry("session.intra_op.spin_duration_us", str(spin_us))
        options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "2"))
        self.session = ort.InferenceSession(path or os.environ["BENCH_MODEL"], options)
        x, y, stride = [], [], []
        for s in (8, 16, 32):
            rows, columns = np.mgrid[: SIDE // s, : SIDE // s]
            x.append(columns.ravel())
            y.append(rows.ravel())
            stride.append(np.full(columns.size, s))
        self.grid = np.stack([np.concatenate(x), np.concatenate(y)], 1)
        self.stride = np.concatenate(stride)[:, None]

    def prepare(self, data):
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        ratio = min(SIDE / frame.shape[0], SIDE / frame.shape[1])
        small = cv2.resize(frame, (int(frame.shape[1] * ratio), int(frame.shape[0] * ratio)))
        canvas = np.full((SIDE, SIDE, 3), 114, np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None].astype(np.float32)), ratio

    def infer(self, tensor):
        return self.session.run(None, {"images": tensor})[0]

    def read(self, raw, ratio):
        rows = raw[0]
        score = rows[:, 4:5] * rows[:, 5:]
        class_id = score.argmax(1)
        score = score[np.arange(len(score)), class_id]
        keep = score >= 0.25
        centre = (rows[keep, :2] + self.grid[keep]) * self.stride[keep]
        size = np.exp(rows[keep, 2:4]) * self.stride[keep]
        corner = (centre - size / 2) / ratio
        boxes = np.concatenate([corner, size / ratio], 1)
        chosen = (
            cv2.dnn.NMSBoxesBatched(
                boxes.tolist(), score[keep].tolist(), class_id[keep].tolist(), 0.25, 0.5
            )
            if len(boxes)
            else []
        )
        return [
            {
                "box": boxes[i].round(2).tolist(),
                "score": float(score[keep][i]),
                "class": int(class_id[keep][i]),
            }
            for i in chosen
        ]

    def __call__(self, data):
        tensor, ratio = self.prepare(data)
        return self.read(self.infer(tensor), ratio)
