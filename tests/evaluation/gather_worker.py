"""One rank of test_gather.py: gather_worker.py ANN_FILE OUT_FOLDER.

Evaluates all cases and writes what its rank got to OUT_FOLDER/RANK.json.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch.distributed as dist
from evaluation_cases import pose_result, shifted

from mmpose.engine.distributed import leave_distributed
from mmpose.evaluation.metrics import CocoMetric
from mmpose.metainfo import load_metainfo
from mmpose.structures import PoseResult

NUM_SAMPLES = 5  # one person in each of five images
# samples of rank 0 and of rank 1
SPLITS = {
    # first, so that the group of the evaluation is made by ranks that come at different times
    'slow': ([0, 2, 4], [1, 3]),
    'even': ([0, 2, 4], [1, 3]),
    'uneven': ([1], [0, 2, 3, 4]),
    'nothing_on_rank_1': ([0, 1, 2, 3, 4], []),
    'nothing_on_rank_0': ([], [4, 3, 2, 1, 0]),
    'padded': ([0, 2, 4], [1, 3, 0]),
    'lost': ([0, 2, 4], [1]),
}
GROUP_SECONDS = 2  # time limit of the training group


def evaluate(case: str, ann_file: str, rank: int) -> dict[str, float] | str:
    """AP of exact poses, figures of inexact ones by the same metric; or what went wrong."""
    metric = CocoMetric()
    metric.dataset_meta = {'ann_file': ann_file, 'dataset_meta': load_metainfo('coco')}
    try:
        exact = _evaluate(metric, case, rank, error_px=0)
        return {'exact AP': exact['coco/AP'], **_evaluate(metric, case, rank, error_px=4)}
    except (ValueError, RuntimeError) as error:
        return f'{type(error).__name__}: {error}'


def _evaluate(metric: CocoMetric, case: str, rank: int, error_px: float) -> dict[str, float]:
    for i in SPLITS[case][rank]:
        metric.process({}, [inexact_pose(i, error_px)])
    if case == 'slow' and rank == 1:
        time.sleep(1.5 * GROUP_SECONDS)
    return metric.evaluate(NUM_SAMPLES)


def inexact_pose(i: int, error_px: float) -> PoseResult:
    """The person of image i, whose AP falls with the error."""
    error = np.random.default_rng(i).normal(0, 1, (17, 2)) * error_px
    return pose_result(1 + i, 1 + i, shifted(0)[0] + error, bbox_score=0.9 - i / 10)


def main() -> None:
    """Runs this rank."""
    ann_file, folder = sys.argv[1:]
    rank = int(os.environ['RANK'])
    store = dist.FileStore(f'{folder}/store', 2)
    store.set(f'rank {rank} is up', '')
    store.wait(['rank 0 is up', 'rank 1 is up'], timedelta(minutes=2))
    dist.init_process_group(
        'gloo', store=store, rank=rank, world_size=2, timeout=timedelta(seconds=GROUP_SECONDS)
    )
    results = {case: evaluate(case, ann_file, rank) for case in SPLITS}
    Path(folder, f'{rank}.json').write_text(json.dumps(results))
    leave_distributed()


if __name__ == '__main__':
    main()
