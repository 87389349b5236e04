"""Pose results of a batch: from input pixels on the device to image pixels on the CPU."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from mmpose.structures import PoseResult, invert_affine, transform_points, window_matrices

READ = ('img_id', 'ann_id', 'category_id', 'dataset_idx', 'image_file', 'center', 'scale',
        'rotation', 'bbox_xywh', 'bbox_score')  # fmt: skip


class CropFrame(Protocol):
    """Size and alignment of crops."""

    input_size: tuple[int, int]
    use_udp: bool


def batch_to_results(
    keypoints_in: Tensor, keypoint_scores: Tensor, batch: dict[str, Any], crops: CropFrame
) -> list[PoseResult]:
    """Returns one result a crop.

    Args:
        keypoints_in: (B, K, 2), in px.
        keypoint_scores: (B, K).
        batch: Crop windows and ids as the collate function makes them.
        crops: A head or a backend, which know the input size and whether the crops are UDP crops.
    """
    arrays = {key: _numpy(batch[key]) for key in READ}
    matrices = window_matrices(
        arrays['center'].astype(np.float64),
        arrays['scale'].astype(np.float64),
        arrays['rotation'].astype(np.float64),
        crops.input_size,
        crops.use_udp,
    )
    # one copy from the device for both
    poses = _numpy(torch.cat([keypoints_in, keypoint_scores.to(keypoints_in)[..., None]], -1))
    keypoints = transform_points(poses[..., :2], invert_affine(matrices)).astype(np.float32)
    scores_np = poses[..., 2].astype(np.float32)
    areas = arrays['scale'].prod(axis=1)
    return [
        PoseResult(
            img_id=arrays['img_id'][i],
            ann_id=int(arrays['ann_id'][i]),
            category_id=int(arrays['category_id'][i]),
            keypoints=keypoints[i],
            keypoint_scores=scores_np[i],
            bbox_xywh=arrays['bbox_xywh'][i],
            bbox_score=float(arrays['bbox_score'][i]),
            area=float(areas[i]),
            image_file=arrays['image_file'][i],
            dataset_idx=int(arrays['dataset_idx'][i]),
        )
        for i in range(len(keypoints))
    ]


def _numpy(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value
