"""Measures of a new machine: networks on CPU and GPU, training steps, codec, evaluation, reduction.

``python -m benchmarks.gpu_measures FILE`` is a rank of the all-reduce, started by torchrun.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from benchmarks.codec import benchmark_codec
from benchmarks.evaluation import benchmark_evaluation
from benchmarks.gpu_trainings import Row, worst
from benchmarks.loader import benchmark_loader
from benchmarks.machine import MIB, describe_machine, synchronizer
from benchmarks.measured_models import (
    build_model,
    deal_datasets,
    input_size,
    own_heatmaps,
    rows_per_head,
)
from benchmarks.report import Report
from benchmarks.timing import interleave, stopwatch
from benchmarks.training import benchmark_training
from mmpose.apis.train import prepare_training
from mmpose.backends import pick_device
from mmpose.backends.cuda_graphs import NO_GPU
from mmpose.backends.pytorch import TorchBackend
from mmpose.config.load import load_config
from mmpose.engine.distributed import init_distributed, leave_distributed
from mmpose.version import PROJECT

COCO = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/coco/'
MODELS = {
    'ViTPose-S': 'ViTPose_small_coco_256x192.py',
    'ViTPose-B': 'ViTPose_base_coco_256x192.py',
    'ViTPose-L': 'ViTPose_large_coco_256x192.py',
    'ViTPose-H': 'ViTPose_huge_coco_256x192.py',
    'ViTPose+-B': 'vitPose+_base_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp.py',
    'PGVL-B': 'PGVL_ViTB_coco_256X192.py',
    'VLPose-B': 'VLPose_base_coco_256x192.py',
}
MAX_GAP = 1e-3  # of heatmaps on CPU and GPU in float32, as a share of the largest value


def describe_gpus(has_gpu: bool) -> tuple[str, list[Row]]:
    """Driver, versions and devices."""
    machine = describe_machine(pick_device(None))
    rows = [{'what': key, 'value': str(value)} for key, value in machine.items()]
    if not has_gpu:
        return f'no GPU; {machine["cpu"]}, torch {torch.__version__}', rows
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    found = {'driver': _driver(), 'CUDA': torch.version.cuda, 'GPUs': ', '.join(names)}
    found['cuDNN'] = torch.backends.cudnn.version()
    found['NCCL'] = '.'.join(map(str, torch.cuda.nccl.version()))
    found['bfloat16'] = torch.cuda.is_bf16_supported()
    rows += [{'what': key, 'value': str(value)} for key, value in found.items()]
    return f'{len(names)} x {names[0]}, driver {found["driver"]}, CUDA {found["CUDA"]}', rows


def _driver() -> str:
    if shutil.which('nvidia-smi') is None:
        return 'unknown (no nvidia-smi)'
    query = ['nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader']
    done = subprocess.run(query, capture_output=True, text=True, check=False, timeout=60)
    return (done.stdout.splitlines() or ['unknown'])[0].strip()


def read_config(name: str, has_gpu: bool, **more: Any) -> Any:
    """Config of a model; of one block where there is no GPU."""
    depth = {} if has_gpu else {'model.backbone.depth': 1}
    return load_config(PROJECT / COCO / MODELS[name], depth, **more)


def compare_forward(name: str, has_gpu: bool) -> tuple[str, list[Row]]:
    """Compares the heatmaps of a network on CPU and GPU, in float32.

    Raises:
        ValueError: If they differ.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(0)
    model = build_model(read_config(name, has_gpu).model.to_dict()).eval()
    width, height = input_size(model)
    index = deal_datasets(model, 2)
    images, rows = torch.randn(2, 3, height, width), rows_per_head(model, index)
    where = pick_device(None)
    with torch.inference_mode():
        theirs = own_heatmaps(model, images, index, rows)
        ours = own_heatmaps(model.to(where), images.to(where), index, rows)
    pairs = [(a.cpu(), b.cpu()) for a, b in zip(ours, theirs, strict=True)]
    gap = worst(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
    told = f'largest difference of heatmaps on {where.type} and CPU: {gap:.1e} of the largest value'
    if not gap <= MAX_GAP:
        raise ValueError(f'{told}; expected at most {MAX_GAP:g}')
    return told, []


def measure_step(name: str, has_gpu: bool, loader_speed: float | None) -> tuple[str, list[Row]]:
    """Measures training steps of a model, in mixed precision where there is a GPU.

    Args:
        loader_speed: Samples/s of the loader, for the share of the time that it would be waited
            for; None if it was not measured.
    """
    cfg = prepare_training(read_config(name, has_gpu), amp=has_gpu)
    size = cfg.train_dataloader.batch_size if has_gpu else 2
    while True:
        try:
            options = dict(repeat=3) if has_gpu else dict(repeat=1, min_seconds=0.0)
            report = benchmark_training(cfg, batch_size=size, is_alone=True, **options)
            break
        except torch.cuda.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2
        torch.cuda.empty_cache()
    row: Row = {'model': name, 'batch': size, **_medians(report)}
    speed = row['speed, images/s']
    if loader_speed is not None:
        row['data_wait, expected'] = max(0.0, 1 - loader_speed / speed)
    return f'batch {size}: {speed:.4g} images/s', [row]


def measure_cuda_graphs(has_gpu: bool) -> tuple[str, list[Row]]:
    """Compares poses by CUDA graphs with those without, and times batches of 1 and 8 crops.

    Without a GPU there is nothing to compare with, and the stage says why.

    Raises:
        ValueError: If the network could not be recorded, or the heatmaps differ.
    """
    torch.manual_seed(0)
    model = build_model(read_config('ViTPose-B', has_gpu).model.to_dict()).eval()
    model.to(pick_device(None))
    backends = {'as it is': TorchBackend(model)}
    if has_gpu:
        backends['CUDA graphs'] = TorchBackend(model, cuda_graphs=True)
    rows = []
    for size in (1, 8) if has_gpu else (1,):
        rows += _time_backends(backends, size, 0.5 if has_gpu else 0.0)
    if not has_gpu:
        return NO_GPU, rows
    gap = max(row['gap'] for row in rows)
    speeds = ', '.join(f'batch {row["batch"]}, {row["run"]}: {row["ms"]:.3g} ms' for row in rows)
    return f'{speeds}; largest difference {gap:.1e} of the largest value', rows


def _time_backends(backends: dict[str, TorchBackend], size: int, min_seconds: float) -> list[Row]:
    width, height = backends['as it is'].input_size
    crops = [torch.randint(0, 256, (size, 3, height, width), dtype=torch.uint8) for _ in range(2)]
    gaps = dict.fromkeys(backends, 0.0)
    for one in crops:  # the second is a replay
        maps = {name: backend.predict(one, True).heatmaps for name, backend in backends.items()}
        largest = float(maps['as it is'].abs().max())
        for name in backends:
            gap = float((maps[name] - maps['as it is']).abs().max()) / largest
            gaps[name] = worst([gaps[name], gap])
    for name, backend in backends.items():
        if backend.graphs is not None and backend.graphs.problem is not None:
            raise ValueError(f'no CUDA graph was recorded: {backend.graphs.problem}')
        if not gaps[name] <= MAX_GAP:
            raise ValueError(
                f'heatmaps of {name} differ by {gaps[name]:.1e} of the largest value in a batch of '
                f'{size}; expected at most {MAX_GAP:g}'
            )
    wait = synchronizer(backends['as it is'].device)
    seconds = interleave(
        {
            name: stopwatch(partial(backend.predict, crops[0]), min_seconds, wait)
            for name, backend in backends.items()
        },
        3 if min_seconds else 1,
    )
    return [
        {'run': name, 'batch': size, 'ms': 1000 * statistics.median(seconds[name]), 'gap': gap}
        for name, gap in gaps.items()
    ]


def measure_loader(folder: str, has_gpu: bool) -> tuple[str, list[Row]]:
    """Measures the loader of ViTPose-B on the generated images, with the workers of its config."""
    cfg = load_config(PROJECT / COCO / MODELS['ViTPose-B'], {}, Path(folder))
    loader = cfg.train_dataloader
    loader.dataset.data_root = f'{folder}/toy/'
    if not has_gpu:
        loader.update(num_workers=1, batch_size=4)
    report = benchmark_loader(cfg, repeat=1, num_samples=1024 if has_gpu else 8)
    speeds = [x for x in report.measurements if x.unit == 'samples/s']
    workers = next(x for x in speeds if 'workers' in x.name)
    row = {'loader': workers.name, 'samples/s': workers.median}
    return f'{workers.median:.4g} samples/s with {workers.name}', [row]


def measure_codec(has_gpu: bool) -> tuple[str, list[Row]]:
    """Measures the codec of ViTPose-B on the device."""
    options = {} if has_gpu else dict(batch_size=4, repeat=1, min_seconds=0.0)
    report = benchmark_codec(read_config('ViTPose-B', has_gpu), **options)
    found = {x.name: x.median for x in report.measurements if x.name.endswith(', ours')}
    rows = [{'codec': key, 'persons/s': value} for key, value in found.items()]
    return ', '.join(f'{key} {value:.4g} persons/s' for key, value in found.items()), rows


def measure_evaluation(has_gpu: bool) -> tuple[str, list[Row]]:
    """Measures COCO's metrics of generated poses."""
    sizes = dict(repeat=3) if has_gpu else dict(repeat=1, num_images=20, num_gt=50, num_dt=150)
    report = benchmark_evaluation(**sizes, others=())
    found = {x.name: x.median for x in report.measurements if x.unit == 's' and x.name[0] != ' '}
    rows = [{'evaluation': key, 's': value} for key, value in found.items()]
    return ', '.join(f'{key} {value:.3g} s' for key, value in found.items()), rows


def _medians(report: Report) -> Row:
    left_out = ('operations of a step',)
    found = [x for x in report.measurements if x.name not in left_out]
    return {f'{x.name}, {x.unit}': x.median for x in found}


def reduce_ranks(path: str) -> None:
    """Measures the all-reduce of this and the other ranks; rank 0 writes the file.

    The rate is that of the bus, 2 (n - 1) / n times the bytes over the time, which does not depend
    on the number of ranks n (NVIDIA, nccl-tests, PERFORMANCE.md).
    """
    init_distributed('pytorch')
    where = pick_device(None)
    wait, num, rows = synchronizer(where), dist.get_world_size(), []
    for size in (1, 16, 256) if where.type == 'cuda' else (1,):
        values = torch.ones(size * MIB // 4, device=where)
        dist.all_reduce(values)
        if not bool((values == num).all()):
            raise ValueError(f'the sum of {num} ones over the ranks is {float(values[0])}')
        wait()
        begin = time.perf_counter()
        for _ in range(10):
            dist.all_reduce(values)
        wait()
        seconds = (time.perf_counter() - begin) / 10
        rate = 2 * (num - 1) / num * size * MIB / seconds / 1e9
        rows.append({'ranks': num, 'MiB': size, 'ms': 1000 * seconds, 'bus, GB/s': rate})
    if dist.get_rank() == 0:
        Path(path).write_text(json.dumps(rows))
    leave_distributed()


if __name__ == '__main__':
    reduce_ranks(sys.argv[1])
