"""Comparison of two result files: differences of metrics with bootstrap confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmpose.analysis.error_report import read_files
from mmpose.coco.keypoint_arrays import FloatArray, check_detections_fit
from mmpose.evaluation.functional import KeypointDetections, KeypointGroundTruth, match_poses
from mmpose.evaluation.functional.bootstrap import draw_images, resample_metrics
from mmpose.evaluation.functional.eval_configs import find_eval_config
from mmpose.evaluation.functional.oks_errors import (
    ErrorAnalysis,
    analyze_errors,
    image_losses,
    keypoint_average_precision,
)
from mmpose.metainfo import load_metainfo
from mmpose.structures import DatasetMeta

CONFIDENCE = 0.95
COMPARED_KINDS = ('coco', 'crowdpose', 'humanart')  # of protocols: AP over OKS


@dataclass(frozen=True)
class MetricChange:
    """A metric of both results.

    Attributes:
        name: Its name.
        first, second: In [0, 1]; -1 where nothing is annotated.
        interval: Of the difference second - first over resamples of the images; None for metrics
            that were not resampled.
        share_better: Share of the resamples in which the second is better; a tie is half of one.
        p_value: Twice the share of resamples on the other side of no difference, at least
            2 / (R + 1): how often chance alone would give as clear a difference.
    """

    name: str
    first: float
    second: float
    interval: tuple[float, float] | None = None
    share_better: float | None = None
    p_value: float | None = None

    @property
    def difference(self) -> float:
        """The second minus the first."""
        return self.second - self.first


@dataclass(frozen=True)
class Comparison:
    """Comparison of two results of the same images.

    Attributes:
        names: Of the results.
        dataset_meta: The skeleton.
        metrics: The COCO metrics; AP is the first.
        keypoint_ap: (K, 2). AP of each keypoint of both; NaN for one that is never labelled.
        analyses: Errors of both.
        image_ids: (I,), ascending.
        losses: (I, 2), people. How bad each image is, as ``image_losses`` counts.
        num_resamples: R.
        notes: For the reader, one sentence each.
    """

    names: tuple[str, str]
    dataset_meta: DatasetMeta
    metrics: list[MetricChange]
    keypoint_ap: FloatArray
    analyses: tuple[ErrorAnalysis, ErrorAnalysis]
    image_ids: np.ndarray
    losses: FloatArray
    num_resamples: int
    notes: tuple[str, ...]


def compare_files(
    first: str | Path,
    second: str | Path,
    ann_file: str | Path,
    dataset: str = 'coco',
    use_area: bool | None = None,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compares two result files.

    Args:
        first, second: Keypoint results in COCO's layout.
        ann_file: Annotations in COCO's layout.
        dataset: Name of a dataset, or a skeleton by name or ``.csv`` table.
        use_area: Whether the annotated area is the object area; None does as the evaluation of
            the dataset.
        num_resamples: Resamples of the images.
        seed: Of the resamples, which are the same for both results.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is malformed or empty, they are of different images, or the dataset
            is not evaluated by AP over OKS.
    """
    eval_config = find_eval_config(dataset)
    if eval_config.kind not in COMPARED_KINDS:
        raise ValueError(
            f"'{dataset}' is not evaluated by the AP over OKS that is compared here; "
            'tools/evaluate.py gives its own metrics'
        )
    dataset_meta = load_metainfo(eval_config.skeleton)
    if num_resamples < 2:
        raise ValueError(f'--resamples is {num_resamples}; expected 2 or more')
    area = eval_config.use_area if use_area is None else use_area
    gt, results = read_files([first, second], ann_file, dataset_meta, area)
    notes = _check_same_images(gt, results)
    analyses = [
        analyze_errors(gt, dt, dataset_meta.sigmas, dataset_meta.flip_indices, area, corrects=False)
        for dt in results
    ]
    matched = [match_poses(gt, dt, dataset_meta.sigmas, area) for dt in results]
    counts = draw_images(len(np.unique(gt.image_ids)), num_resamples, seed)
    summaries = [one.scores().summary() for one in matched]
    resampled = [resample_metrics(one, counts) for one in matched]
    metrics = [
        _change(name, *(one[name] for one in summaries), *(one.get(name) for one in resampled))
        for name in summaries[0]
    ]
    return Comparison(
        names=_labels(Path(first), Path(second)),
        dataset_meta=dataset_meta,
        metrics=metrics,
        keypoint_ap=np.stack([keypoint_average_precision(one) for one in analyses], axis=1),
        analyses=(analyses[0], analyses[1]),
        image_ids=np.unique(gt.image_ids),
        losses=np.stack([image_losses(one) for one in analyses], axis=1),
        num_resamples=num_resamples,
        notes=notes,
    )


def _check_same_images(
    gt: KeypointGroundTruth, results: Sequence[KeypointDetections]
) -> tuple[str, ...]:
    """Returns a note where some images have poses in one result only."""
    images = [set(one.image_id.tolist()) for one in results]
    sources = [one.source for one in results]
    for found, source in zip(images, sources, strict=True):
        if not found:
            raise ValueError(f'{source} holds no poses; expected the results of a test')
    for one in results:
        check_detections_fit(gt, one)
    if not images[0] & images[1]:
        raise ValueError(
            f'{sources[0]} and {sources[1]} are of different images: none of {len(images[0])} and '
            f'{len(images[1])} is in both; test both models on the same annotations'
        )
    only = [len(images[0] - images[1]), len(images[1] - images[0])]
    if not any(only):
        return ()
    return (
        f'{only[0]} images have poses in the first result only and {only[1]} in the second only; '
        'people in them count as missed by the other',
    )


def _change(
    name: str,
    first: float,
    second: float,
    first_resampled: FloatArray | None,
    second_resampled: FloatArray | None,
) -> MetricChange:
    if first_resampled is None or second_resampled is None:
        return MetricChange(name, first, second)
    differences = second_resampled - first_resampled
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return MetricChange(name, first, second)
    rest = (1 - CONFIDENCE) / 2
    low, high = np.quantile(differences, [rest, 1 - rest])
    num_worse, num_better = (differences < 0).sum(), (differences > 0).sum()
    num_ties = len(differences) - num_worse - num_better
    fewer = min(num_worse, num_better) + num_ties
    return MetricChange(
        name,
        first,
        second,
        interval=(float(low), float(high)),
        share_better=float((num_better + num_ties / 2) / len(differences)),
        p_value=float(min(1.0, 2 * (fewer + 1) / (len(differences) + 1))),
    )


def _labels(first: Path, second: Path) -> tuple[str, str]:
    """Returns distinct names of the results: of the files, or of the folders where these agree."""
    paths = (first.resolve(), second.resolve())
    for names in (
        [path.stem for path in paths],
        [path.parent.name for path in paths],
        [f'{path.parent.name}/{path.stem}' for path in paths],
        list(map(str, paths)),
    ):
        if names[0] != names[1]:
            return (names[0], names[1])
    return ('first', 'second')
