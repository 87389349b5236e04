"""Generates a whole dataset: images in worker processes, annotations at the end."""

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

from mmpose.datasets.toy.coco_format import annotation_file, image_entry, person_entry
from mmpose.datasets.toy.folder import (
    SPLITS,
    ToySpec,
    check_writable,
    finish_folder,
    image_name,
    is_finished,
    read_annotations,
    start_folder,
)
from mmpose.datasets.toy.scene import render_scene
from mmpose.metainfo import load_metainfo

_FIRST_IMAGE_ID = {'train': 1, 'val': 10_000_001}  # no id occurs in both
_MIN_IMAGES_PER_WORKER = 32  # fewer are drawn faster than a process starts
_CHUNK = 16


class _Task(NamedTuple):
    folder: str
    split: str
    index: int
    seed: int
    keypoint_names: tuple[str, ...]


@dataclass(frozen=True)
class ToySummary:
    """What a generation, or the reuse of one, gave."""

    is_reused: bool
    num_images: dict[str, int]  # split -> count
    num_persons: dict[str, int]  # split -> count


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
    """Make the dataset in ``out``, or find that it is there already.

    Each image depends only on the seed, its split and its number, so neither the workers nor the
    counts change its bytes. Worker processes are spawned: a script that calls this needs the usual
    ``if __name__ == '__main__'``. Two generations must not share a folder at the same time.

    Args:
        out: Folder of the dataset.
        spec: Counts and seed.
        workers: Number of processes; None for one per core.
        overwrite: Replace a finished dataset, even the same one.
        report: Is given lines about the progress.

    Returns:
        Counts of images and annotated persons.

    Raises:
        FileExistsError: ``out`` holds something else that must not be replaced.
        ValueError: ``workers`` is below 1.
    """
    out = Path(out)
    workers = default_workers() if workers is None else workers
    if workers < 1:
        raise ValueError(f'workers is {workers}, expected 1 or more; set --workers')
    if is_finished(out, spec) and not overwrite:
        report(f'{out} already holds this dataset ({spec}); nothing to do')
        return _summarise(read_annotations(out), is_reused=True)
    check_writable(out, spec, overwrite)
    start_folder(out, spec)
    contents = _render_all(out, spec, workers, report)
    finish_folder(out, contents)
    return _summarise(contents, is_reused=False)


def _summarise(contents: dict[str, dict[str, Any]], is_reused: bool) -> ToySummary:
    return ToySummary(
        is_reused=is_reused,
        num_images={split: len(content['images']) for split, content in contents.items()},
        num_persons={split: len(content['annotations']) for split, content in contents.items()},
    )


def _render_all(
    out: Path, spec: ToySpec, workers: int, report: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Write all images and return the annotation files, split -> content."""
    meta = load_metainfo('coco')
    tasks = [
        _Task(str(out / split), split, index, spec.seed, tuple(meta.keypoint_names))
        for split in SPLITS
        for index in range(spec.num_images(split))
    ]
    images: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    persons: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    step = max(1, len(tasks) // 10)
    with _mapper(min(workers, max(1, len(tasks) // _MIN_IMAGES_PER_WORKER))) as render:
        for number, (task, (image, people)) in enumerate(
            zip(tasks, render(tasks), strict=True), start=1
        ):
            images[task.split].append(image)
            persons[task.split].extend(people)
            if number % step == 0:
                report(f'generated {number} of {len(tasks)} images')
    return {
        split: annotation_file(images[split], persons[split], meta, spec.as_info())
        for split in SPLITS
    }


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
    """Use one thread, and end with the parent: a killed parent cannot end its workers."""
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, 'a worker has a parent'
    wait([parent.sentinel])
    os._exit(1)


def _render(task: _Task) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Write one image; return its entry and those of its people."""
    rng = np.random.default_rng((task.seed, SPLITS.index(task.split), task.index))
    scene = render_scene(rng, task.keypoint_names)
    name = image_name(task.split, task.index)
    (Path(task.folder) / name).write_bytes(scene.jpeg)
    image_id = _FIRST_IMAGE_ID[task.split] + task.index
    people = [person_entry(person, image_id) for person in scene.persons]
    return image_entry(scene, image_id, name), people
