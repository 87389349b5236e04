"""One rank of test_multi_head.py: multi_head_worker.py FOLDER, which gets RANK.json."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from multi_head_model import NAMES, make_batch, make_images, make_model
from torch import nn
from torch.nn.parallel import DistributedDataParallel

# datasets of the samples of each step, on rank 0 and on rank 1
STEPS = (([0, 0], [2, 1]), ([1, 1], [2, 2]), ([0, 1], [0, 1]))


def train(rank: int, clean: bool) -> dict[str, float | int | str]:
    """Trains three steps and returns what the ranks have to agree about."""
    model = make_model(clean=clean).train()
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    parallel = DistributedDataParallel(model, broadcast_buffers=False)
    optimizer = torch.optim.SGD(parallel.parameters(), lr=0.1)
    for indices in STEPS:
        losses = parallel(make_images(2), make_batch(indices[rank]), mode='loss')
        optimizer.zero_grad()
        sum(losses[f'loss_{name}'] for name in NAMES).backward()
        optimizer.step()
    moved = {name: (p - before[name]).abs().max().item() for name, p in model.named_parameters()}
    return {
        'steps': len(STEPS),
        'weights': digest(model),
        'moved': max(moved.values()),
        'expert 2 moved': moved['backbone.blocks.0.mlp.experts.2.weight'],
    }


def digest(model: nn.Module) -> str:
    """A fingerprint of all parameters; batch statistics are each rank's own."""
    content = b''.join(p.detach().numpy().tobytes() for p in model.parameters())
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Runs this rank."""
    folder, rank = sys.argv[1], int(os.environ['RANK'])
    store = dist.FileStore(f'{folder}/store', 2)
    dist.init_process_group(
        'gloo', store=store, rank=rank, world_size=2, timeout=timedelta(seconds=120)
    )
    results = {name: train(rank, name == 'clean') for name in ('published', 'clean')}
    Path(folder, f'{rank}.json').write_text(json.dumps(results))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == '__main__':
    main()
