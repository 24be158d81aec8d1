"""What deployments measure about themselves: histograms, percentiles, Prometheus text."""

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from viseon.schema import Latency, Percentiles

STAGES = ("pre", "queue", "model", "post", "total")
BUCKETS_S = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_RECENT = 2000


class Histogram:
    """Counts per bucket for Prometheus, and the recent values for percentiles."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.total_s = 0.0
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def add(self, value_s: float) -> None:
        """One observation."""
        self.counts[bisect_left(BUCKETS_S, value_s)] += 1
        self.total_s += value_s
        self._recent.append(value_s)

    def percentiles(self) -> Percentiles:
        """Of the recent values, in milliseconds; the value at that rank, not an interpolation."""
        ordered = sorted(self._recent) or [0.0]
        ranks = (min(int(len(ordered) * q), len(ordered) - 1) for q in (0.5, 0.95, 0.99))
        p50, p95, p99 = (ordered[rank] * 1000 for rank in ranks)
        return Percentiles(p50=p50, p95=p95, p99=p99)


class Meter:
    """Everything counted about one deployment. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.stages = {stage: Histogram() for stage in STAGES}
        self.answered = 0
        self.refused: dict[str, int] = {}
        self._shared = 0

    def answer(self, latency: Latency, batch: int) -> None:
        """One picture was answered."""
        with self._lock:
            self.answered += 1
            self._shared += batch
            for stage in STAGES:
                self.stages[stage].add(getattr(latency, f"{stage}_ms") / 1000)

    def refuse(self, code: str) -> None:
        """One request was not answered, and why."""
        with self._lock:
            self.refused[code] = self.refused.get(code, 0) + 1

    @property
    def mean_batch(self) -> float:
        """Pictures that shared a run, on average."""
        return self._shared / self.answered if self.answered else 0.0

    def percentiles(self) -> dict[str, Percentiles]:
        """By stage."""
        with self._lock:
            return {stage: histogram.percentiles() for stage, histogram in self.stages.items()}


def prometheus(
    meters: Mapping[str, Meter], gauges: Mapping[str, Iterable[tuple[str, float]]]
) -> str:
    """The text exposition format, version 0.0.4. `gauges` are metric → (deployment, value)."""
    lines = list(_histograms(meters))
    lines += ["# TYPE viseon_predictions_total counter"]
    lines += [f"viseon_predictions_total{_label(n)} {m.answered}" for n, m in meters.items()]
    lines += ["# TYPE viseon_refused_total counter"]
    for name, meter in meters.items():
        for code, count in sorted(meter.refused.items()):
            lines.append(f"viseon_refused_total{_label(name, code=code)} {count}")
    for gauge, values in gauges.items():
        lines += [f"# TYPE {gauge} gauge"]
        lines += [f"{gauge}{_label(name)} {value:.6g}" for name, value in values]
    return "\n".join(lines) + "\n"


def _histograms(meters: Mapping[str, Meter]) -> Iterator[str]:
    yield "# HELP viseon_predict_seconds Time of one picture by stage, the server's clock."
    yield "# TYPE viseon_predict_seconds histogram"
    for name, meter in meters.items():
        for stage, histogram in meter.stages.items():
            so_far = 0
            for edge, count in zip((*BUCKETS_S, "+Inf"), histogram.counts, strict=True):
                so_far += count
                bucket = _label(name, stage=stage, le=str(edge))
                yield f"viseon_predict_seconds_bucket{bucket} {so_far}"
            label = _label(name, stage=stage)
            yield f"viseon_predict_seconds_sum{label} {histogram.total_s:.6f}"
            yield f"viseon_predict_seconds_count{label} {so_far}"


def _label(deployment: str, **more: str) -> str:
    pairs = {"deployment": deployment, **more}
    return "{" + ",".join(f'{key}="{value}"' for key, value in pairs.items()) + "}"
