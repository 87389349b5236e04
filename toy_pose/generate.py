"""Generation of a whole dataset: images in worker processes, annotations at the end."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from mmpose.structures.progress import track
from toy_pose.folder import (
    ToySpec,
    check_writable,
    finish_folder,
    is_finished,
    read_record,
    start_folder,
)
from toy_pose.formats import load_format
from toy_pose.formats.base import LabelledImage

_MIN_IMAGES_PER_WORKER = 32  # fewer are drawn faster than a process starts
_CHUNK = 16
_AFTER_IMAGES = 1000  # takes the place of the split's number in the seed of what is no image


class _Task(NamedTuple):
    format_name: str
    path: str  # of the file to write
    split: str
    index: int
    seed: int


@dataclass(frozen=True)
class ToySummary:
    """Summary of a generation, or of a reused dataset."""

    is_reused: bool
    num_images: dict[str, int]  # split -> count
    num_instances: dict[str, int]  # split -> count
    instances: str  # what is counted, plural


def default_workers() -> int:
    """Number of cores this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def generate_toy_dataset(
    out: str | Path,
    spec: ToySpec,
    workers: int | None = None,
    overwrite: bool = False,
    report: Callable[[str], None] = print,
) -> ToySummary:
    """Generates the dataset in ``out``, or reuses an existing one.

    Each image depends only on the format, the seed, its split and its number, so neither the
    workers nor the counts change its bytes. Worker processes are spawned: a script that calls this
    needs the usual ``if __name__ == '__main__'``. Two generations must not share a folder at the
    same time.

    Args:
        out: Folder of the dataset.
        spec: Format, counts and seed.
        workers: Number of processes; None for one per core.
        overwrite: Replace a finished dataset, even the same one.
        report: Callback for progress messages.

    Returns:
        Counts of images and annotated persons, animals or hands.

    Raises:
        FileExistsError: ``out`` holds something else that must not be replaced.
        ValueError: ``workers`` is below 1.
    """
    out = Path(out)
    workers = default_workers() if workers is None else workers
    if workers < 1:
        raise ValueError(f'workers is {workers}, expected 1 or more; set --workers')
    layout = load_format(spec.format)
    record = read_record(out)
    if record is not None and is_finished(out, spec) and not overwrite:
        report(f'{out} already holds this dataset ({spec}); nothing to do')
        return ToySummary(True, record['images'], record['instances'], layout.instances)
    check_writable(out, spec, overwrite)
    start_folder(out, spec)
    images = _render_all(out, spec, workers)
    rng = np.random.default_rng((spec.seed, _AFTER_IMAGES, *layout.salt))
    layout.write_annotations(out, images, spec.as_info(), rng)
    num_images = {split: len(found) for split, found in images.items()}
    num_instances = {
        split: sum(layout.count(image.label) for image in found) for split, found in images.items()
    }
    finish_folder(out, spec, num_images, num_instances)
    return ToySummary(False, num_images, num_instances, layout.instances)


def _render_all(out: Path, spec: ToySpec, workers: int) -> dict[str, list[LabelledImage]]:
    """Writes all images; returns split -> images with their labels."""
    placed = list(spec.image_paths())
    tasks = [
        _Task(spec.format, str(out / path), split, index, spec.seed)
        for split, index, path in placed
    ]
    images: dict[str, list[LabelledImage]] = {s: [] for s in load_format(spec.format).splits}
    with _mapper(min(workers, max(1, len(tasks) // _MIN_IMAGES_PER_WORKER))) as render:
        drawn = track(render(tasks), f'{spec.format} images', len(tasks))
        for (split, _, path), labels in zip(placed, drawn, strict=True):
            images[split].append(LabelledImage(path, *labels))
    return images


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[[list[_Task]], Iterator[Any]]]:
    """A function that renders tasks in order, here or in worker processes."""
    if workers == 1:
        yield lambda tasks: map(_render, tasks)
        return
    context = multiprocessing.get_context('spawn')  # forking after OpenCV has threads can hang
    with ProcessPoolExecutor(workers, context, _start_worker) as pool:
        yield lambda tasks: pool.map(_render, tasks, chunksize=_CHUNK)


def _start_worker() -> None:
    """Limits a worker to one thread and ends it with its parent, which may be killed."""
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, 'a worker has a parent'
    wait([parent.sentinel])
    os._exit(1)


def _render(task: _Task) -> tuple[int, int, Any]:
    """Write one image; return its width, height and label."""
    layout = load_format(task.format_name)
    split_number = layout.splits.index(task.split)
    rng = np.random.default_rng((task.seed, split_number, task.index, *layout.salt))
    drawn = layout.render(rng, task.split, task.index)
    Path(task.path).write_bytes(drawn.jpeg)
    return drawn.width, drawn.height, drawn.label
