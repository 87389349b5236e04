"""Trainings of a new machine by the real commands: precisions, compilation, ranks, a kill."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmpose.version import PROJECT

TOY = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'
NUM_ITERS, BATCH_SIZE = 5, 16
# no batch norm, whose statistics depend on the ranks, so that all trainings are the same one
OPTIONS = [
    'model.backbone.stem=patch',
    'model.head.deconv_out_channels=()',
    'model.head.deconv_kernel_sizes=()',
    'model.head.upsample=4',
    'model.head.final_layer.kernel_size=3',
    'train_dataloader.num_workers=1',
    'train_cfg.max_epochs=1',
    f'train_cfg.max_iters={NUM_ITERS}',
    'train_cfg.val_interval=0',
    'default_hooks.logger.interval=1',
    'default_hooks.throughput.interval=1',
    'default_hooks.preview=None',
    'default_hooks.checkpoint.by_epoch=False',
    'default_hooks.checkpoint.interval=1',
    'log_processor.window_size=1',
    "visualizer.vis_backends=[{'type':'LocalVisBackend'}]",
]
Row = dict[str, Any]
Series = dict[str, list[float]]


@dataclass(frozen=True)
class Workplace:
    """Where the commands of a check run.

    Attributes:
        folder: For data and work dirs; nothing of it is kept.
        logs: For what the commands print.
        num_ranks: Processes of a distributed run: one a GPU, two on a CPU.
        has_gpu: Whether there is a GPU.
        limit_s: Time of one command.
    """

    folder: Path
    logs: Path
    num_ranks: int
    has_gpu: bool
    limit_s: float

    @property
    def batch_size(self) -> int:
        """Images in a step of all ranks."""
        return max(BATCH_SIZE // self.num_ranks, 1) * self.num_ranks

    def start(self, name: str, words: list[Any]) -> subprocess.Popen[bytes]:
        """Starts a command in a session of its own; its output goes to a file."""
        root = str(Path(__file__).parents[1])
        path = os.pathsep.join(filter(None, [root, os.environ.get('PYTHONPATH')]))
        with self.logs.joinpath(f'{name.replace(" ", "_")}.txt').open('ab') as log:
            return subprocess.Popen(
                [str(word) for word in words],
                env={**os.environ, 'PYTHON': sys.executable, 'PYTHONPATH': path},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, name: str, words: list[Any]) -> None:
        """Runs a command.

        Raises:
            ValueError: If it fails.
            TimeoutError: If it takes too long.
        """
        process = self.start(name, words)
        try:
            status = process.wait(self.limit_s)
        except subprocess.TimeoutExpired:
            process.terminate()  # torchrun ends its ranks
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            raise TimeoutError(f'no end after {self.limit_s:.0f} s') from None
        if status:
            lines = [line for line in self.log(name).splitlines() if line.strip()]
            lines = lines or ['it said nothing']
            told = [line for line in lines if line.startswith('error: ')] or lines
            raise ValueError(f'exit status {status}: {told[-1].removeprefix("error: ")}')

    def log(self, name: str) -> str:
        """What a command has printed."""
        path = self.logs / f'{name.replace(" ", "_")}.txt'
        return path.read_text(errors='replace') if path.is_file() else ''

    def launch(self, name: str, words: list[Any]) -> None:
        """Runs a module of Python in all ranks."""
        launcher = [sys.executable, PROJECT / 'tools/_launch.py', '--standalone', '--module']
        self.run(name, [*launcher, '--nproc_per_node', self.num_ranks, *words])


def make_data(place: Workplace) -> tuple[str, list[Row]]:
    """Generates the images that the trainings read."""
    num = 4 * place.batch_size  # of more people than the batches take
    words = ['--out', place.folder / 'toy', '--num-train', num, '--num-val', 4]
    place.run('data', [sys.executable, PROJECT / 'tools/make_toy_dataset.py', *words])
    return f'{num} images', []


def train_fp32(place: Workplace) -> tuple[str, list[Row]]:
    """Trains in float32: what the others are compared with."""
    return _summary(place, 'fp32', 'loss {loss[0]:.3g} to {loss[1]:.3g}')


def train_bf16(place: Workplace) -> tuple[str, list[Row]]:
    """Trains in mixed precision."""
    return _compared(place, 'bf16', 'loss', 0.05, '--amp')


def train_compiled(place: Workplace) -> tuple[str, list[Row]]:
    """Trains with ``torch.compile``; on a CPU without its compiler, which takes minutes there.

    Raises:
        ValueError: If the losses differ, or a part could not be compiled.
    """
    options = [] if place.has_gpu else ['compile.backend=aot_eager']
    outcome = _compared(place, 'compile', 'loss', 0.01, '--compile', options=options)
    for line in place.log('compile').splitlines():
        if 'runs without compilation' in line:
            raise ValueError(line.rpartition(' - ')[2])
    return outcome


def train_ddp(place: Workplace) -> tuple[str, list[Row]]:
    """Trains in several ranks with the same images in a step.

    The log has the loss of one rank, but the norm of the gradients of all.
    """
    return _compared(place, 'DDP', 'grad_norm', 0.01, in_ranks=True)


def train_fsdp(place: Workplace) -> tuple[str, list[Row]]:
    """Trains in several ranks that share the parameters."""
    options = ['strategy=fsdp']
    return _compared(place, 'FSDP', 'grad_norm', 0.01, in_ranks=True, options=options)


def kill_and_resume(place: Workplace) -> tuple[str, list[Row]]:
    """Kills a training after its first checkpoint and resumes it."""
    name = 'kill and resume'
    process = place.start(name, _command(place, name))
    begin, note = time.monotonic(), place.folder / name / 'last_checkpoint'
    while process.poll() is None and not note.is_file():
        if time.monotonic() - begin > place.limit_s:
            break
        time.sleep(0.01)
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if not was_running or not note.is_file():
        raise ValueError('the training had ended, or saved nothing, before it could be killed')
    return _compared(place, name, 'loss', 1e-3, '--resume')


def _command(
    place: Workplace,
    name: str,
    *flags: str,
    in_ranks: bool = False,
    options: list[str] | None = None,
) -> list[Any]:
    start, size = [sys.executable, PROJECT / 'tools/train.py', PROJECT / TOY], place.batch_size
    if in_ranks:
        start = ['bash', PROJECT / 'tools/dist_train.sh', PROJECT / TOY, place.num_ranks]
        size //= place.num_ranks
    batch = f'train_dataloader.batch_size={size}'
    return [
        *(*start, '--work-dir', place.folder / name, '--data-root', place.folder, '--seed', 0),
        *(*flags, '--cfg-options', *OPTIONS, batch, *(options or [])),
    ]


def _compared(
    place: Workplace, name: str, value: str, tolerance: float, *flags: str, **more: Any
) -> tuple[str, list[Row]]:
    """Trains, and compares a value of each iteration with the training in float32.

    Raises:
        ValueError: If one differs by more than the tolerance, as a share of it.
    """
    place.run(name, _command(place, name, *flags, **more))
    ours, theirs = (
        read_series(place.folder / name)[value],
        read_series(place.folder / 'fp32')[value],
    )
    if len(ours) != len(theirs):
        raise ValueError(f'{len(ours)} iterations instead of {len(theirs)}')
    gap = worst(abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True))
    told = f'largest difference of {value} to fp32 in one process: {gap:.1e} of it'
    if not gap <= tolerance:
        raise ValueError(f'{told}; expected at most {tolerance:g}')
    return told, [_row(place, name)]


def _summary(place: Workplace, name: str, text: str) -> tuple[str, list[Row]]:
    place.run(name, _command(place, name))
    series = read_series(place.folder / name)
    if not series.get('loss'):
        raise ValueError('the training has logged no loss')
    ends = {key: (values[0], values[-1]) for key, values in series.items()}
    return f'{len(series["loss"])} iterations, {text.format(**ends)}', [_row(place, name)]


def _row(place: Workplace, name: str) -> Row:
    series = read_series(place.folder / name)
    row = {'training': name, 'images/s': series['images_per_s'][-1]}
    row['data_wait'] = series['data_wait'][-1]
    return {**row, 'memory, MiB': series['memory'][-1]} if 'memory' in series else row


def worst(gaps: Iterable[float]) -> float:
    """The largest number; NaN if one of them is."""
    return max(gaps, key=lambda gap: (math.isnan(gap), gap))


def read_series(work_dir: Path) -> Series:
    """Values that a run has logged at each iteration; of two runs of one the later one counts."""
    files = sorted(work_dir.glob('*/vis_data/scalars.json'), key=lambda x: x.stat().st_mtime)
    records = (json.loads(line) for file in files for line in file.read_text().splitlines())
    steps = {record['step']: record for record in records if 'loss' in record}
    names = {name for record in steps.values() for name in record}
    return {
        name: [steps[step][name] for step in sorted(steps) if name in steps[step]] for name in names
    }
