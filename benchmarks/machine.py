"""Description of the machine of a benchmark: processor, versions, device, memory, peak FLOP/s."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

# Part of the device's name -> dense bfloat16 tensor peak without sparsity, TFLOP/s. From NVIDIA's
# data sheets of the A100, H100, H200, L40S and RTX 4090 (Ada white paper, float32 accumulation);
# sheets that quote the rate with sparsity are halved. The first part that fits counts.
PEAK_TFLOPS = {
    'H200 NVL': 836.0,
    'H200': 989.0,
    'H100 PCIe': 756.0,
    'H100 NVL': 835.0,
    'H100': 989.0,
    'A100': 312.0,
    'L40S': 362.0,
    'RTX 4090': 165.0,
}
MIB = 2**20
WATCH_SECONDS = 0.3


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Returns processor, cores in use by other programs, versions and device, as JSON values."""
    import cv2
    import numpy as np

    return {
        'cpu': cpu_name(),
        'cores': num_cores(),
        'threads': torch.get_num_threads(),
        'busy_cores': busy_cores(),
        'python': platform.python_version(),
        'torch': torch.__version__,
        'numpy': np.__version__,
        'opencv': cv2.__version__,
        'device': device_name(device),
    }


def device_name(device: torch.device) -> str:
    """Returns the name of a GPU, or CPU."""
    return torch.cuda.get_device_name(device) if device.type == 'cuda' else device.type.upper()


def synchronizer(device: torch.device) -> Callable[[], None]:
    """Returns a function that waits until the device has finished its queued work."""
    if device.type == 'cuda':
        return lambda: torch.cuda.synchronize(device)
    return lambda: None


def cpu_name() -> str:
    """Returns the model name of the processor."""
    info = Path('/proc/cpuinfo')
    if info.is_file():
        match = re.search(r'^model name\s*:\s*(.+)$', info.read_text(), re.MULTILINE)
        if match:
            return match[1].strip()
    return platform.processor() or platform.machine()


def num_cores() -> int:
    """Returns the number of cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def busy_cores() -> float | None:
    """Returns the number of cores in use by other programs; None if the system does not tell.

    It is measured while this process sleeps.
    """
    if not Path('/proc/stat').is_file():
        return None
    begin = _busy_and_all_ticks()
    time.sleep(WATCH_SECONDS)
    busy, total = (now - then for now, then in zip(_busy_and_all_ticks(), begin, strict=True))
    return round((os.cpu_count() or 1) * busy / max(total, 1), 2)


def _busy_and_all_ticks() -> tuple[int, int]:
    """Ticks of all cores since the start of the machine; proc(5), first line of /proc/stat."""
    first_line = Path('/proc/stat').read_text().splitlines()[0]
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, first_line.split()[1:9])
    busy = user + nice + system + irq + softirq + steal
    return busy, busy + idle + iowait


def peak_tflops(name: str) -> float | None:
    """Returns the dense bfloat16 peak of a device by its name; None if it is not in the table."""
    return next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)


def peak_rss_mib() -> float:
    """Returns the peak resident memory of this process, MiB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == 'darwin' else peak / 1024  # bytes, KiB


def page_faults() -> int:
    """Returns the number of minor page faults of this process so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def rss_mib() -> dict[str, float]:
    """Returns the resident memory of this process and its private part, MiB.

    Raises:
        OSError: On systems without ``/proc``.
    """
    status = Path('/proc/self/status').read_text()
    kib = {key: int(value) for key, value in re.findall(r'^(\w+):\s+(\d+) kB$', status, re.M)}
    return {'total': kib['VmRSS'] / 1024, 'private': kib['RssAnon'] / 1024}
