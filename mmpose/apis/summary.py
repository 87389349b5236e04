"""A run at a glance: its metrics, its curves, and a look at its predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config

from mmpose.apis.test import METRICS_FILE, RESULTS_FILE
from mmpose.engine.runner import TEST_CONFIG
from mmpose.evaluation.functional import format_scores
from mmpose.metainfo import load_metainfo
from mmpose.structures import PoseMeta, PoseResult
from mmpose.visualization import draw_results, make_grid, plot_training, read_scalars

GRID_COLUMNS = 4
GRID_IMAGES = 12
CURVES_FILE = 'curves.png'
GRID_FILE = 'predictions.png'


def summarize_run(work_dir: str | Path) -> str:
    """Draws the curves and the predictions of a trained and tested run.

    Args:
        work_dir: Folder in which tools/train.py and tools/test.py have run.

    Returns:
        A table of the metrics and the paths of both pictures.

    Raises:
        FileNotFoundError: If the run has not been tested.
    """
    work_dir = Path(work_dir)
    metrics_path, results_path = work_dir / METRICS_FILE, work_dir / RESULTS_FILE
    for path in (metrics_path, results_path):
        if not path.is_file():
            raise FileNotFoundError(f'{path} does not exist; run tools/test.py with this work dir')
    lines = [format_scores(json.loads(metrics_path.read_text()))]
    scalars = [
        record
        for path in sorted(work_dir.glob('*/vis_data/scalars.json'))
        for record in read_scalars(path)
    ]
    if any('loss' in record for record in scalars):
        curves = plot_training(scalars, work_dir / CURVES_FILE)
        lines.append(f'loss and metrics over time: {curves}')
    dataset = Config.fromfile(work_dir / TEST_CONFIG).test_dataloader.dataset
    grid = work_dir / GRID_FILE
    cv2.imwrite(str(grid), _draw_predictions(json.loads(results_path.read_text()), dataset))
    lines.append(f'predictions: {grid}')
    return '\n'.join(lines)


def _draw_predictions(results: list[dict[str, Any]], dataset: Config) -> np.ndarray:
    meta = load_metainfo(dataset.metainfo)
    ann_file = Path(dataset.data_root, dataset.ann_file)
    images = json.loads(ann_file.read_text())['images'][:GRID_IMAGES]
    by_image: dict[Any, list[PoseResult]] = {image['id']: [] for image in images}
    for entry in results:
        if entry['image_id'] in by_image:
            by_image[entry['image_id']].append(_to_result(entry, meta))
    tiles = []
    for image in images:
        picture = cv2.imread(str(Path(dataset.data_root, dataset.img_prefix, image['file_name'])))
        tiles.append(draw_results(picture, by_image[image['id']], meta))
    return make_grid(tiles, GRID_COLUMNS, tile_hw=(360, 480))


def _to_result(entry: dict[str, Any], meta: PoseMeta) -> PoseResult:
    keypoints = np.array(entry['keypoints'], np.float32).reshape(meta.num_keypoints, 3)
    low, high = keypoints[:, :2].min(0), keypoints[:, :2].max(0)
    return PoseResult(
        img_id=entry['image_id'],
        ann_id=-1,
        category_id=entry['category_id'],
        keypoints=keypoints[:, :2],
        scores=keypoints[:, 2],
        bbox_xywh=np.concatenate([low, high - low]),
        bbox_score=entry['score'],
    )
