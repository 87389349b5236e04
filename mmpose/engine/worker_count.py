"""Number of loader workers that ``num_workers='auto'`` stands for, measured as training begins."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from mmengine.logging import print_log
from torch.utils.data import DataLoader

FIRST_WORKERS = 4
WARM_UP_BATCHES = 3  # in which kernels are chosen and memory is taken
SECONDS = 3.0  # of steps that are measured
SPARE = 1.3  # some batches take longer to load than others


def num_cores() -> int:
    """Number of cores of this rank."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    return max((cores or 1) // int(os.environ.get('LOCAL_WORLD_SIZE', 1)), 1)


def iterate_and_choose(loader: DataLoader) -> Iterator[Any]:
    """Yields batches until it is known how many workers keep up, which the loader has then.

    The time between two batches is that of the caller's step. The batches that are left are for
    the caller to draw, from a sampler that starts there.
    """
    steps: list[float] = []
    for index, batch in enumerate(loader):
        begin = _now()
        yield batch
        if index >= WARM_UP_BATCHES:
            steps.append(_now() - begin)
        if sum(steps) > SECONDS:
            break
    if not steps:
        return
    begin = time.perf_counter()
    draws = (draw._replace(place=-1, ahead=()) for draw in loader.sampler)  # no crops of a buffer
    loader.collate_fn([loader.dataset[draw] for draw in islice(draws, loader.batch_size)])
    load, step, cores = time.perf_counter() - begin, sum(steps) / len(steps), num_cores()
    needed = math.ceil(SPARE * load / step)
    loader.num_workers, loader.chooses_workers = min(needed, cores), False
    loader._iterator = None
    print_log(
        f"train_dataloader.num_workers='auto' is {loader.num_workers}: a batch takes a process "
        f'{load:.2f} s and a step {step:.2f} s, so {needed} keep up; this rank has {cores} cores',
        'current',
        logging.INFO if needed <= cores else logging.WARNING,
    )


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
