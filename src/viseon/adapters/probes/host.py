"""Probe of the machine this runs on, through psutil."""

from pathlib import Path

import psutil

from viseon.schema import Resources


class HostProbe:
    """Cores, memory and disk; GPU memory where NVIDIA's management library is installed."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk

    def total(self) -> Resources:
        disk = psutil.disk_usage(str(self._disk))
        return Resources(
            cores=psutil.cpu_count() or 1,
            ram_mb=psutil.virtual_memory().total >> 20,
            gpu_mb=_gpu_mb(free=False),
            disk_mb=disk.total >> 20,
        )

    def free(self) -> Resources:
        disk = psutil.disk_usage(str(self._disk))
        cores = psutil.cpu_count() or 1
        busy = psutil.getloadavg()[0]
        return Resources(
            cores=max(0, round(cores - busy)),
            ram_mb=psutil.virtual_memory().available >> 20,
            gpu_mb=_gpu_mb(free=True),
            disk_mb=disk.free >> 20,
        )


def resident_mb() -> float:
    """Memory that this process holds."""
    return float(psutil.Process().memory_info().rss) / (1 << 20)


def _gpu_mb(*, free: bool) -> int:
    """The biggest GPU's memory; 0 without one or without `nvidia-ml-py`."""
    try:
        import pynvml  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return 0
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        memory = [pynvml.nvmlDeviceGetMemoryInfo(handle) for handle in handles]
    except pynvml.NVMLError:
        return 0
    return max((int(m.free if free else m.total) >> 20 for m in memory), default=0)
