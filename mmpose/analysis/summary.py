"""Summary of a run: metrics, curves and a grid of predictions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config
from numpy.typing import NDArray

from mmpose.apis.test import format_tables
from mmpose.apis.train import METRICS_FILE, RESULTS_FILE
from mmpose.config.load import read_recorded_config
from mmpose.dataset_tools.browse import build_annotated, dataset_parts
from mmpose.datasets import KeypointDataset
from mmpose.datasets.transforms.loading import image_loader
from mmpose.engine.runner import TEST_CONFIG
from mmpose.evaluation.functional import KeypointDetections, load_detections
from mmpose.evaluation.metrics import PerDatasetMetric, primary_metric
from mmpose.evaluation.metrics.metric_info import with_type
from mmpose.registry import METRICS
from mmpose.structures import PoseResult
from mmpose.visualization import draw_results, make_grid, plot_training, read_scalars
from mmpose.visualization.grid import BACKGROUND

GRID_COLUMNS = 4
GRID_IMAGES = 12  # of a single dataset; of a mixture, a row for each dataset
CURVES_FILE = 'curves.png'
GRID_FILE = 'predictions.png'
PERCENT = 'PCK'  # MPII gives it in percent; the other primary metrics are shares

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Tested:
    """A dataset on which a run was tested.

    Attributes:
        name: Its name in the mixture; empty if there is one dataset.
        results_path: File with the poses.
        dataset: Config of the dataset.
        metrics: Configs of its metrics.
    """

    name: str
    results_path: Path
    dataset: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]


def summarize_run(work_dir: str | Path) -> str:
    """Draws the curves and the predictions of a trained and tested run.

    Args:
        work_dir: Folder in which tools/train.py and tools/test.py have run.

    Returns:
        A table of the metrics, of a mixture one for each dataset, and the paths of both pictures.

    Raises:
        FileNotFoundError: If the run has not been tested, or an image is missing.
    """
    work_dir = Path(work_dir)
    metrics_path = work_dir / METRICS_FILE
    _check_tested(metrics_path)
    tested = list(read_tested(work_dir, read_recorded_config(work_dir / TEST_CONFIG)))
    names = [one.name for one in tested if one.name]
    found = [one for one in tested if one.results_path.is_file()]
    _check_tested((found or tested)[0].results_path)
    lines = [format_tables(json.loads(metrics_path.read_text()), names)]
    files = sorted(work_dir.glob('*/vis_data/scalars.json'))
    scalars = [record for path in files for record in read_scalars(path)]
    if any('loss' in record for record in scalars):
        scalars, keys = _primary_curves(scalars, names)
        curves = plot_training(scalars, work_dir / CURVES_FILE, keys)
        lines.append(f'loss and metrics over time: {curves}')
    num = GRID_COLUMNS if names else GRID_IMAGES
    tiles = [tile for one in found for tile in draw_predictions(one, num)]
    titles = [title for title, _ in tiles] if names else None
    images = [image for _, image in tiles]
    grid = work_dir / GRID_FILE
    cv2.imwrite(str(grid), make_grid(images, GRID_COLUMNS, titles=titles, tile_hw=(360, 480)))
    lines.append(f'predictions: {grid}')
    return '\n'.join(lines)


def _check_tested(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist; run tools/test.py with this work dir')


def read_tested(work_dir: Path, cfg: Config) -> Iterator[Tested]:
    """Yields the datasets of a test; of a mixture also those that it left out."""
    evaluators = cfg.test_evaluator
    evaluators = [evaluators] if isinstance(evaluators, Mapping) else evaluators
    parts = [part for _, part in dataset_parts('test', cfg.test_dataloader.dataset)]
    mixtures = with_type(evaluators, PerDatasetMetric)
    if not mixtures:
        yield Tested('', work_dir / RESULTS_FILE, parts[0], evaluators)
        return
    names, groups = mixtures[0]['names'], mixtures[0]['metrics']
    for name, part, group in zip(names, parts, groups, strict=True):
        metrics = [group] if isinstance(group, Mapping) else group
        yield Tested(name, work_dir / name / RESULTS_FILE, part, metrics)


def _primary_curves(
    scalars: Sequence[Mapping[str, float]], names: Sequence[str]
) -> tuple[list[dict[str, float]], list[str] | None]:
    """Returns records and keys to draw: the primary metric of each dataset, all on one scale."""
    records = [dict(record) for record in scalars]
    if not names:
        return records, None
    known = [key for record in records if 'loss' not in record for key in record]
    keys = []
    for name in names:
        own = [key for key in dict.fromkeys(known) if key.startswith(f'{name}/')]
        if not own:
            continue
        key = primary_metric(own)
        values = [record[key] for record in records if key in record]
        if key.endswith(f'/{PERCENT}') and max(values) > 1:
            scaled = f'{key} / 100'
            records = [{**x, scaled: x[key] / 100} if key in x else x for x in records]
            key = scaled
        keys.append(key)
    return records, keys


def draw_predictions(tested: Tested, num: int) -> Iterator[tuple[str, Image]]:
    """Yields a title and a picture for each of the first images of a dataset."""
    dataset = build_annotated(tested.dataset)
    dataset_meta = dataset.dataset_meta
    fields = [getattr(METRICS.get(own['type']), 'keypoint_fields', None) for own in tested.metrics]
    keypoints = next(filter(None, fields), dataset_meta.num_keypoints)
    poses = load_detections(tested.results_path, keypoints)
    files, loader = _first_images(dataset, num), image_loader(dataset)
    for img_id, path in files:
        image = loader.read(path)
        rows = np.flatnonzero(poses.image_id == img_id).tolist()
        results = [_to_result(poses, row) for row in rows]
        yield tested.name, draw_results(image, results, dataset_meta)
    if tested.name:  # so that the next dataset begins a row
        yield from [('', np.full((2, 2, 3), BACKGROUND, np.uint8))] * (num - len(files))


def _first_images(dataset: KeypointDataset, num: int) -> list[tuple[Any, str]]:
    """Returns ids and paths of the first images that have a sample."""
    images: dict[Any, str] = {}
    for index in range(len(dataset)):
        sample = dataset.get_sample(index)
        images.setdefault(sample['img_id'], sample['image_file'])
        if len(images) == num:
            break
    return list(images.items())


def _to_result(poses: KeypointDetections, row: int) -> PoseResult:
    keypoints = poses.keypoints[row].astype(np.float32)
    low, high = keypoints.min(0), keypoints.max(0)
    return PoseResult(
        img_id=poses.image_id[row].item(),
        ann_id=-1,
        category_id=int(poses.category_id[row]),
        keypoints=keypoints,
        keypoint_scores=poses.keypoint_scores[row].astype(np.float32),
        bbox_xywh=np.concatenate([low, high - low]),
        bbox_score=float(poses.scores[row]),
    )
