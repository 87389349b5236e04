"""One rank of test_per_dataset.py: mixture_worker.py FOLDER RANK.

Evaluates a mixture whose second rank has nothing of one dataset, and then another that loses a
sample, and writes what its rank got to FOLDER/RANK.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch.distributed as dist
from mixture_cases import mixture_meta, mixture_metric, mixture_poses

from mmpose.engine.distributed import leave_distributed
from mmpose.structures import PoseResult


def own_poses(poses: list[PoseResult], rank: int) -> list[PoseResult]:
    """All hands go to rank 0, the others to the ranks in turn."""
    hands = [pose for pose in poses if pose.dataset_idx == 1]
    others = [pose for pose in poses if pose.dataset_idx != 1][rank::2]
    return [*hands, *others] if rank == 0 else others


def main() -> None:
    """Runs this rank."""
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    store = dist.FileStore(str(folder / 'store'), 2)
    dist.init_process_group('gloo', store=store, rank=rank, world_size=2)
    annotations = folder / str(rank)
    annotations.mkdir()
    meta = mixture_meta(annotations)
    poses = mixture_poses(meta)
    results = {}
    for case, lost in (('whole', 0), ('lost', rank)):
        metric = mixture_metric(meta)
        metric.process({}, own_poses(poses, rank)[lost:])
        try:
            results[case] = metric.evaluate(len(poses))
        except (ValueError, RuntimeError) as error:
            results[case] = f'{type(error).__name__}: {error}'
    (folder / f'{rank}.json').write_text(json.dumps(results))
    leave_distributed()


if __name__ == '__main__':
    main()
