"""Many PoseResults as packed columns, small to keep and quick to send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmpose.evaluation.functional import KeypointDetections
from mmpose.structures import PoseResult
from mmpose.structures.pose_result import SAID

PoseColumns = dict[str, np.ndarray]
COLUMNS = (
    *('img_id', 'ann_id', 'category_id', 'dataset_idx', 'keypoints', 'keypoint_scores'),
    *('bbox_xywh', 'bbox_score', 'area'),
)


def pack_results(results: Sequence[PoseResult]) -> PoseColumns:
    """Fields of PoseResults as arrays with one row per pose, in the given order.

    Visibility and the like are among them where the model says them.

    Args:
        results: At least one pose, all with the same number of keypoints.
    """
    said = [name for name in SAID if getattr(results[0], name) is not None]
    names = (*COLUMNS, *said)
    return {name: np.asarray([getattr(result, name) for result in results]) for name in names}


def to_detections(
    poses: PoseColumns, scores: np.ndarray, with_ann_id: bool = False
) -> KeypointDetections:
    """KeypointDetections in the same order, as ``functional`` takes them.

    Args:
        scores: (N,). Scores of the poses.
        with_ann_id: Whether the poses name the annotation of their box.
    """
    return KeypointDetections(
        image_id=poses['img_id'],
        category_id=poses['category_id'],
        keypoints=poses['keypoints'].astype(np.float64),
        keypoint_scores=poses['keypoint_scores'].astype(np.float64),
        scores=scores,
        source='poses of the model',
        extras={'ann_id': poses['ann_id']} if with_ann_id else {},
    )


def concatenate_poses(parts: Sequence[PoseColumns]) -> PoseColumns:
    """Concatenation of at least one part, in order.

    Raises:
        ValueError: If the parts have different numbers of keypoints.
    """
    sizes = sorted({part['keypoints'].shape[1] for part in parts})
    if len(sizes) > 1:
        raise ValueError(
            f'poses with {sizes} keypoints came together; expected one skeleton, use one metric '
            'per dataset'
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def in_dataset_order(parts: Sequence[PoseColumns | None], first_place: int = 0) -> PoseColumns:
    """Poses of all ranks in the order of the dataset, as one rank would give them.

    The samplers deal the places of a dataset out to the ranks in turn. Where scores tie, the order
    decides.

    Args:
        parts: Of each rank, at least one of which has poses.
        first_place: Place of the first sample of this dataset in a mixture, whose places are dealt
            out together.
    """
    present = [part for part in parts if part is not None]
    places = [
        np.arange(len(part['img_id'])) * len(parts) + (rank - first_place) % len(parts)
        for rank, part in enumerate(parts)
        if part is not None
    ]
    order = np.argsort(np.concatenate(places), kind='stable')
    return {name: column[order] for name, column in concatenate_poses(present).items()}


def check_each_sample_once(poses: PoseColumns, size: int) -> None:
    """Raises a ValueError unless each of ``size`` samples was evaluated exactly once."""
    names = ('dataset_idx', 'img_id', 'ann_id')
    keys = zip(*(poses[name].tolist() for name in names), strict=True)
    key, count = Counter(keys).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f'sample dataset_idx={key[0]}, img_id={key[1]}, ann_id={key[2]} was evaluated '
            f'{count} times, expected once; the sampler must not pad (round_up=False) and '
            'annotation ids must be unique'
        )
    check_number_of_samples(len(poses['img_id']), size)


def check_number_of_samples(num: int, size: int) -> None:
    """Raises a ValueError unless all ``size`` samples, at least one, were evaluated."""
    if num != size or num == 0:
        raise ValueError(
            f'{num} poses came for a dataset of {size} samples; expected one per sample, so look '
            'at the sampler and at drop_last of the loader'
        )


def result_path(outfile_prefix: str | Path) -> Path:
    """Result file of a metric: ``{outfile_prefix}_keypoints.json``."""
    prefix = Path(outfile_prefix)
    return prefix.with_name(f'{prefix.name}_keypoints.json')
