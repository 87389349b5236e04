"""Distillation: the output of a teacher as a further target of a student while it trains.

The student stays as it is: a teacher has no place in its parameters, checkpoints or gradients, and
is not copied with it (as for averaged weights).
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

Batch = dict[str, Any]
Losses = dict[str, Tensor]
TOKEN_STRIDE = 16  # px, as of a ViT; finer maps would have too many pairs of cells
INSTEAD = (
    "or write the teacher's poses by tools/test.py --dump FILE.npz and set "
    'model.teacher=dict(predictions=FILE.npz), which fits any student'
)


class NetworkTeacher:
    """Teacher that is a network: it sees the crops of the student, and is frozen.

    The heatmaps of both are compared as ViTPose's output distillation does (Xu et al., NeurIPS
    2022, section 3.4). Features are compared by how alike any two cells of a map are, which needs
    no layer between networks of different widths: the pair-wise distillation of Liu et al., CVPR
    2019, equation 2. (The knowledge token of ViTPose would be a part of the student.)

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
        self.rows = places_of(
            wanted.keypoint_names, known.keypoint_names, f"the teacher's skeleton '{known.name}'"
        )
        _check_head(student)
        _check_crops(model, student)
        self.heatmap_size = student.head.decoder.heatmap_size
        self.loss_weight = loss_weight
        self.token_weight = token_weight

    def __deepcopy__(self, memo: dict[int, Any]) -> NetworkTeacher:
        """Returns the teacher itself: a copy of the student has the same one."""
        return self

    def teach(self, inputs: Tensor, batch: Batch, features: Any) -> tuple[Batch, Losses]:
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
        grid_hw = tuple(side // TOKEN_STRIDE for side in inputs.shape[2:])
        loss = pairwise_token_loss(_last(features), _last(maps), grid_hw)
        return targets, {'loss_token': self.token_weight * loss}


class PoseTeacher:
    """Teacher that is a file of poses, which ``AddTeacherKeypoints`` has put into the samples.

    Its keypoints are drawn as those of the annotations are, and count by their scores.

    Args:
        student: Its codec draws the heatmaps.
        loss_weight: Of a keypoint with a score of 1.

    Raises:
        ValueError: If the student has no heatmaps.
    """

    def __init__(self, student: TopdownPoseEstimator, loss_weight: float = 1.0) -> None:
        self.codec: Codec = _check_head(student)
        self.loss_weight = loss_weight

    @torch.no_grad()
    def teach(self, inputs: Tensor, batch: Batch, features: Any) -> tuple[Batch, Losses]:
        """Returns the drawn heatmaps and their weights; there is no loss of features."""
        points, scores = batch['teacher_keypoints'].split((2, 1), -1)  # (B, K, 3)
        scores = scores.squeeze(-1).clamp(0, 1)
        heatmaps, is_drawn = self.codec.encode(points, (scores > 0).float())
        weights = self.loss_weight * scores * is_drawn
        return {'teacher_heatmaps': heatmaps, 'teacher_weights': weights}, {}


def pairwise_token_loss(student: Tensor, teacher: Tensor, grid_hw: tuple[int, ...]) -> Tensor:
    """Mean squared difference of the cosines between the features of any two cells.

    Args:
        student: (B, C, H, W).
        teacher: (B, C', H', W').
        grid_hw: Finest grid of cells; maps are averaged over the cells of the coarsest of the
            three.
    """
    sizes = zip(student.shape[2:], teacher.shape[2:], grid_hw, strict=True)
    size = tuple(max(1, min(sides)) for sides in sizes)
    ours, theirs = (_similarity(F.adaptive_avg_pool2d(x.float(), size)) for x in (student, teacher))
    return (ours - theirs).square().mean()


def _similarity(maps: Tensor) -> Tensor:
    cells = F.normalize(maps.flatten(2), dim=1)  # (B, C, H, W) -> (B, C, N)
    return cells.transpose(1, 2) @ cells  # (B, N, N)


def _last(maps: Any) -> Tensor:
    return maps if isinstance(maps, Tensor) else maps[-1]


def _resized(maps: Tensor, size_wh: tuple[int, int]) -> Tensor:
    """Resizes (B, C, H, W) so that the centres of the corner cells stay: UDP's geometry."""
    size_hw = (size_wh[1], size_wh[0])
    if tuple(maps.shape[2:]) == size_hw:
        return maps
    return F.interpolate(maps, size_hw, mode='bilinear', align_corners=True)


def _check_head(student: TopdownPoseEstimator) -> Codec:
    """Returns the codec of a student that can learn from heatmaps."""
    codec, name = student.head.decoder, type(student.head).__name__
    if codec is None or 'teacher_heatmaps' not in signature(student.head.loss).parameters:
        raise ValueError(
            f'model.head is {name}, whose loss takes no teacher_heatmaps; remove model.teacher, or '
            'take a HeatmapHead'
        )
    if codec.num_channels(1) != 1:
        raise ValueError(
            f'model.teacher compares one heatmap per keypoint, but {type(codec).__name__} has '
            f'{codec.num_channels(1)}; take UDPHeatmap or MSRAHeatmap'
        )
    return codec


def _check_crops(model: TopdownPoseEstimator, student: TopdownPoseEstimator) -> None:
    theirs, ours = model.head.decoder, student.head.decoder
    is_same = theirs is not None and _signature(theirs) == _signature(ours)
    if is_same and theirs.input_size != ours.input_size:
        (w, h), (own_w, own_h) = theirs.input_size, ours.input_size
        is_same = ours.use_udp and w * own_h == h * own_w
    if not is_same:
        has = _describe(theirs) if theirs is not None else type(model.head).__name__
        raise ValueError(
            f'the heatmaps of the teacher ({has}) cannot be compared with those of the student '
            f'({_describe(ours)}), cell by cell; give both one codec (with UDP another size of the '
            f'same aspect will do), {INSTEAD}'
        )
    norms = [
        (one.bgr_to_rgb, one.mean.flatten().tolist(), one.std.flatten().tolist())
        for one in (model.data_preprocessor, student.data_preprocessor)
    ]
    if norms[0] != norms[1]:
        raise ValueError(
            f'the teacher normalises images otherwise (RGB, mean, std: {norms[0]}) than the '
            f'student ({norms[1]}); set model.data_preprocessor as the teacher has it, {INSTEAD}'
        )


def _signature(codec: Codec) -> tuple[Any, ...]:
    """What makes two heatmaps comparable: how they are drawn, in parts of the map's width."""
    sigma = getattr(codec, 'sigma', None)
    width, (w, h), (map_w, map_h) = None, codec.input_size, codec.heatmap_size
    if isinstance(sigma, (int, float)):
        width = round(sigma / map_w, 3)
    return type(codec), width, w / map_w, h / map_h


def _describe(codec: Codec) -> str:
    size, cells = ('x'.join(map(str, x)) for x in (codec.input_size, codec.heatmap_size))
    sigma = getattr(codec, 'sigma', None)
    return f'{type(codec).__name__}, input {size} px, {cells} cells, sigma {sigma}'
