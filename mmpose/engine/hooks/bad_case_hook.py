"""Bad cases: the worst predictions of an evaluation, and some at random, drawn and ranked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmpose.datasets.transforms import BadImageError
from mmpose.engine.bad_cases import AnnotationTable, Case, Collection, merged, tables_of
from mmpose.evaluation.metrics.gather import gather_to_main
from mmpose.registry import HOOKS
from mmpose.structures import DatasetMeta, PoseResult
from mmpose.visualization import Viewport, compare_poses, make_grid

FILE = 'bad_cases.json'
# Pictures of a grid for the visualizer; a tracker shows them on a page.
SHOWN_IN_GRID = 8
TILE_HEIGHT = 360


@HOOKS.register_module()
class BadCaseHook(Hook):
    """Ranks the predictions of each evaluation, and draws them beside their annotations.

    A folder gets a picture of each case and ``bad_cases.json``, the ranking with its values; a
    mixture of datasets gets a folder for each in it. A later evaluation writes over an earlier
    one. The visualizer gets the first pictures as ``val_worst`` and ``val_random`` (``test_...``).

    Args:
        num_worst: Worst predictions to show, of a mixture for each dataset.
        num_random: Further predictions to show: the same instances in each evaluation.
        metric: ``oks`` ranks by OKS; ``error`` by the mean distance of the keypoints in sizes of
            the annotated box (square roots of its area); ``auto`` takes OKS where the skeleton
            has sigmas.
        out_dir: The folder; ``bad_cases`` in the work dir by default.
    """

    priority = 'LOW'

    def __init__(
        self,
        num_worst: int = 20,
        num_random: int = 0,
        metric: str = 'auto',
        out_dir: str | None = None,
    ) -> None:
        if num_worst < 0 or num_random < 0 or not num_worst + num_random:
            raise ValueError(
                f'num_worst is {num_worst} and num_random {num_random}, expected cases to show'
            )
        self.num_worst, self.num_random = num_worst, num_random
        self.metric, self.out_dir = metric, out_dir
        self._tables: dict[str, list[AnnotationTable | None]] = {}
        self._found: list[Collection] = []

    def _before_epoch(self, runner: Runner, mode: str = 'train') -> None:
        """Starts anew."""
        if mode == 'train':
            return
        if mode not in self._tables:
            dataset = getattr(runner, f'{mode}_dataloader').dataset
            self._tables[mode] = tables_of(dataset, self.metric)
        self._found = [Collection() for _ in self._tables[mode]]

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[PoseResult] | None = None,
        mode: str = 'train',
    ) -> None:
        """Keeps the worst of the batch."""
        tables = () if mode == 'train' else self._tables[mode]
        for index, table in enumerate(tables):
            # the index of a dataset outside a mixture says nothing
            own = [r for r in outputs or () if len(tables) == 1 or r.dataset_idx == index]
            if table is not None and own:
                self._found[index].add(table.compare(own), self.num_worst, self.num_random)

    def _after_epoch(self, runner: Runner, mode: str = 'train') -> None:
        """Shows what all ranks have found."""
        if mode != 'train':
            self._finish(runner, mode, runner.epoch if mode == 'val' else 0)

    def _finish(self, runner: Runner, stage: str, step: int) -> None:
        parts = gather_to_main(self._found)
        self._found = []
        if parts is None:
            return
        tables = self._tables[stage]
        folder = Path(self.out_dir or Path(runner.work_dir, 'bad_cases'))
        names = getattr(runner.bare_model, 'names', None) or [str(i) for i in range(len(tables))]
        for index, found in enumerate(merged(parts, self.num_worst, self.num_random)):
            table = tables[index]
            if table is None:
                continue
            is_mixture = len(tables) > 1
            target = folder / names[index] if is_mixture else folder
            pictures = write_cases(found, table, target)
            suffix = f'_{names[index]}' if is_mixture else ''
            for group, drawn in pictures.items():
                shown = list(drawn.items())[:SHOWN_IN_GRID]
                if not shown:
                    continue
                grid = make_grid([p for _, p in shown], 2, titles=[title for title, _ in shown])
                runner.visualizer.add_image(f'{stage}_{group}{suffix}', grid[..., ::-1], step=step)
        runner.logger.info(f'the worst predictions are in {folder}')


def write_cases(
    found: Collection, table: AnnotationTable, folder: Path
) -> dict[str, dict[str, np.ndarray]]:
    """Writes pictures and the ranking of one dataset.

    Returns:
        For ``worst`` and ``random`` the pictures, BGR, by their titles.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {
        'metric': table.metric,
        'skeleton': table.dataset_meta.name,
        'num_compared': found.num_compared,
        'num_skipped': found.num_skipped,
    }
    pictures: dict[str, dict[str, np.ndarray]] = {}
    for group, cases in (('worst', found.worst), ('random', found.random)):
        record[group], pictures[group] = [], {}
        for rank, case in enumerate(cases, start=1):
            entry = {'rank': rank, **_entry(case, table.dataset_meta), 'picture': None}
            picture = _picture(case, table)
            if picture is not None:
                entry['picture'] = f'{group}_{rank:03d}.jpg'
                title = f'{rank}. {_severity(case)}, {Path(case.result.image_file).name}'
                cv2.imwrite(str(folder / entry['picture']), make_grid([picture], 1, titles=[title]))
                pictures[group][title] = picture
            record[group].append(entry)
    (folder / FILE).write_text(json.dumps(record, indent=1) + '\n')
    return pictures


def _entry(case: Case, dataset_meta: DatasetMeta) -> dict[str, Any]:
    result, offsets = case.result, case.offsets
    return {
        'image_file': result.image_file,
        'img_id': result.img_id if isinstance(result.img_id, str) else int(result.img_id),
        'ann_id': result.ann_id,
        'oks': None if case.oks is None else round(case.oks, 4),
        'error': round(case.error, 4),
        'error_px': round(float(np.nanmean(offsets)), 2),
        'worst_joint': dataset_meta.keypoint_names[int(np.nanargmax(offsets))],
        'score': round(float(result.keypoint_scores.mean()), 4),
        'bbox_score': round(result.bbox_score, 4),
        'bbox_xywh': np.round(result.bbox_xywh.astype(float), 1).tolist(),
    }


def _severity(case: Case) -> str:
    return f'error {case.error:.3f}' if case.oks is None else f'OKS {case.oks:.3f}'


def _picture(case: Case, table: AnnotationTable) -> np.ndarray | None:
    """Returns annotation and prediction side by side; None if the image is gone."""
    try:
        image = table.loader.read(case.result.image_file)
    except BadImageError:
        return None
    viewport = Viewport.around(
        image, [case.bbox_xywh, case.result.bbox_xywh], TILE_HEIGHT, 2 * TILE_HEIGHT
    )
    return compare_poses(
        image, case.truth(), [case.result], table.dataset_meta, 0.0, viewport, matches=[0]
    )
