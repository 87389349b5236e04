"""Distillation: the output of a teacher as a further target of a student while it trains.

A teacher is no module of the student, so it has no place in its parameters and checkpoints.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpose.codecs import Codec
from mmpose.metainfo.keypoint_names import places_of
from mmpose.models.pose_estimators.topdown import TopdownPoseEstimator

Values = dict[str, Any]
TOKEN_STRIDE = 16  # px, as of a ViT; finer maps would have too many pairs of cells


class NetworkTeacher:
    """Teacher that is a network: it sees the crops of the student, and is frozen.

    Heatmaps are compared as by ViTPose's output distillation (Xu et al., NeurIPS 2022, section
    3.4); its knowledge token would be a part of the student. Features are compared by
    :func:`pairwise_token_loss`, which needs no layer between networks of different widths.

    Args:
        model: The teacher; it is put into eval mode.
        student: Says what its keypoints, crops and heatmaps are.
        loss_weight: Of the difference of the heatmaps.
        token_weight: Of the difference of the features; 0 does not compare them.

    Raises:
        ValueError: If the teacher lacks keypoints of the student, or reads other crops or draws
            other heatmaps than can be compared.
    """

    def __init__(
        self,
        model: TopdownPoseEstimator,
        student: TopdownPoseEstimator,
        loss_weight: float = 1.0,
        token_weight: float = 0.0,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        wanted, known = student.dataset_meta, model.dataset_meta
        where = f"the teacher's skeleton '{known.name}'"
        self.rows = places_of(wanted.keypoint_names, known.keypoint_names, where)
        _check_head(student)
        _check_crops(model, student)
        self.heatmap_size = student.head.decoder.heatmap_size
        self.loss_weight = loss_weight
        self.token_weight = token_weight

    def __deepcopy__(self, memo: dict[int, Any]) -> NetworkTeacher:
        """Returns the teacher itself: a copy of the student, as of EMAHook, has the same one."""
        return self

    def teach(self, inputs: Tensor, batch: Values, features: Any) -> tuple[Values, Values]:
        """Returns targets for the loss of the head, by its parameters, and further losses.

        Args:
            inputs: (B, 3, h, w), normalised, as the student gets them.
            batch: What the collate function gives beside the images.
            features: Of the student: (B, C, H', W'), or several maps, of which the last counts.
        """
        with torch.no_grad():
            crops = _resized(inputs, self.model.head.input_size)
            maps = self.model.extract_feat(crops, self.model.condition_of(batch))
            heatmaps = _resized(self.model.head(maps)[:, self.rows].float(), self.heatmap_size)
        weights = heatmaps.new_full(heatmaps.shape[:2], self.loss_weight)
        targets = {'teacher_heatmaps': heatmaps, 'teacher_weights': weights}
        if not self.token_weight:
            return targets, {}
        ours, theirs = (x if isinstance(x, Tensor) else x[-1] for x in (features, maps))
        grid_hw = tuple(side // TOKEN_STRIDE for side in inputs.shape[2:])
        loss = pairwise_token_loss(ours, theirs, grid_hw)
        return targets, {'loss_token': self.token_weight * loss}


class PoseTeacher:
    """Teacher that is a file of poses, which ``AddTeacherKeypoints`` has put into the samples.

    Keypoints are drawn as those of the annotations are, and count by their scores. Arguments and
    the method are those of ``NetworkTeacher``.
    """

    def __init__(self, student: TopdownPoseEstimator, loss_weight: float = 1.0) -> None:
        self.codec = _check_head(student)
        self.loss_weight = loss_weight

    @torch.no_grad()
    def teach(self, inputs: Tensor, batch: Values, features: Any) -> tuple[Values, Values]:
        """Returns the drawn heatmaps and their weights; there is no loss of features."""
        points, scores = batch['teacher_keypoints'].split((2, 1), -1)  # (B, K, 3)
        scores = scores.squeeze(-1).clamp(0, 1)
        heatmaps, is_drawn = self.codec.encode(points, (scores > 0).float())
        weights = self.loss_weight * scores * is_drawn
        return {'teacher_heatmaps': heatmaps, 'teacher_weights': weights}, {}


def pairwise_token_loss(student: Tensor, teacher: Tensor, grid_hw: tuple[int, ...]) -> Tensor:
    """Mean squared difference of the cosines between any two cells (Liu et al., CVPR 2019, eq. 2).

    Args:
        student: (B, C, H, W).
        teacher: (B, C', H', W').
        grid_hw: Maps are averaged over the cells of the coarsest of the three grids.
    """
    sizes = zip(student.shape[2:], teacher.shape[2:], grid_hw, strict=True)
    size = tuple(max(1, min(sides)) for sides in sizes)
    cosines = []
    for maps in (student, teacher):
        cells = F.adaptive_avg_pool2d(maps.float(), size).flatten(2)  # (B, C, N)
        cells = F.normalize(cells, dim=1)
        cosines.append(cells.transpose(1, 2) @ cells)  # (B, N, N)
    return (cosines[0] - cosines[1]).square().mean()


def _resized(maps: Tensor, size_wh: tuple[int, int]) -> Tensor:
    """Resizes (B, C, H, W) so that the centres of the corner cells stay: UDP's geometry."""
    if tuple(maps.shape[2:]) == size_wh[::-1]:
        return maps
    return F.interpolate(maps, size_wh[::-1], mode='bilinear', align_corners=True)


def _check_head(student: TopdownPoseEstimator) -> Codec:
    """Returns the codec of a student that can learn from heatmaps."""
    head, codec = student.head, student.head.decoder
    takes = 'teacher_heatmaps' in signature(head.loss).parameters
    if codec is None or codec.num_channels(1) != 1 or not takes:
        raise ValueError(
            f'a teacher needs a HeatmapHead with one heatmap per keypoint, but model.head is '
            f'{type(head).__name__} with {type(codec).__name__}; take UDPHeatmap or MSRAHeatmap, '
            'or remove model.teacher'
        )
    return codec


def _check_crops(model: TopdownPoseEstimator, student: TopdownPoseEstimator) -> None:
    theirs, ours = (_describe(one) for one in (model, student))
    (w, h), (own_w, own_h) = model.head.input_size, student.head.input_size
    is_same = (w, h) == (own_w, own_h) or (student.head.use_udp and w * own_h == h * own_w)
    if theirs != ours or not is_same:
        raise ValueError(
            f'the teacher ({w}x{h} px, {theirs}) cannot be compared with the student ({own_w}x'
            f'{own_h} px, {ours}): they need one codec and normalisation, and one size, with UDP '
            "one aspect; or write the teacher's poses by tools/test.py --dump FILE.npz and set "
            'model.teacher=dict(predictions=FILE.npz)'
        )


def _describe(model: TopdownPoseEstimator) -> str:
    """What of a model has to be the same; lengths are parts of the input."""
    codec, norm = model.head.decoder, model.data_preprocessor
    if codec is None:
        return type(model.head).__name__
    width = getattr(codec, 'sigma', 0) / codec.heatmap_size[0]
    stride = '/'.join(
        f'{x / y:g}' for x, y in zip(codec.input_size, codec.heatmap_size, strict=True)
    )
    mean, std = (', '.join(f'{x:g}' for x in y.flatten().tolist()) for y in (norm.mean, norm.std))
    return (
        f'{type(codec).__name__} of stride {stride} and sigma {width:.3f} of the width, '
        f'{"RGB" if norm.bgr_to_rgb else "BGR"}, mean {mean}, std {std}'
    )
