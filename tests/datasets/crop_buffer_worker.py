"""One rank of test_crop_buffer.py: crop_buffer_worker FOLDER. The ranks load in turn."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import mmengine.dist
import torch.distributed as dist

from mmpose.datasets import PoseSampler
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import DATASETS

if __name__ == '__main__':
    folder, rank = Path(sys.argv[1]), int(os.environ['RANK'])
    dist.init_process_group('gloo', f'file://{folder}/meeting', rank=rank, world_size=2)
    decoded, decode = [], LoadImage._decode
    LoadImage._decode = lambda *args, **kw: decoded.append(args) or decode(*args, **kw)
    dataset = DATASETS.build(json.loads((folder / 'config.json').read_text()))
    sampler = PoseSampler(dataset, seed=3, image_buffer=len(dataset))
    sums = []
    for draw in sampler:
        for turn in range(2):
            if turn == rank:
                sums.append(int(dataset[draw]['image'].sum()))
            mmengine.dist.barrier()
    (folder / f'{rank}.json').write_text(json.dumps({'decoded': len(decoded), 'sums': sums}))
    dist.destroy_process_group()
