"""Poses of several views of an instance, and how well they agree.

The views are the box as it is, its mirror image and a larger window. Their mean is the label, as in
data distillation (Radosavovic et al., CVPR 2018); where they disagree, nobody knows.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpose.apis.inference.inferencer import PoseInferencer
from mmpose.apis.inference.predictor import PosePredictor
from mmpose.apis.inference.sequence import FrameResult
from mmpose.apis.inference.sources import Source, is_stream, open_sources
from mmpose.evaluation.functional.oks import keypoint_variances
from mmpose.structures import Boxes, DatasetMeta, Frame, xywh_to_center_wh
from mmpose.structures.progress import track

Array = NDArray[np.floating]
RESCALED = 1.15  # sides of the larger window, in sides of the window that the model was trained on
USUAL_SIGMA = 0.06  # of skeletons without sigmas; those of COCO are from 0.025 to 0.107


@dataclass(frozen=True, eq=False)
class ViewedPoses:
    """Poses of the N instances of a frame, from V views each.

    Attributes:
        index: Number of the frame in its source.
        image_wh: Width and height of the frame, px.
        boxes: N boxes.
        keypoints: (N, K, 2), img px. Mean of the views.
        keypoint_scores: (N, K). Mean of the views.
        agreement: (N, K), 0 to 1. Similarity of the view that is farthest from the mean to it; see
            ``keypoint_similarity``.
        track_ids: (N,). Numbers of the instances in a video; -1 where nobody tracks.
    """

    index: int
    image_wh: tuple[int, int]
    boxes: Boxes
    keypoints: Array
    keypoint_scores: Array
    agreement: Array
    track_ids: NDArray[np.int64]


def keypoint_similarity(
    first: Array, second: Array, bbox_xywh: Array, dataset_meta: DatasetMeta
) -> Array:
    """Returns the similarity of each keypoint of poses, (N, K), as OKS counts it.

    It is ``exp(-d^2 / (2 s^2 k^2))`` at a distance of d px, with ``k = 2 sigma`` and
    ``s^2`` the area of the box (https://cocodataset.org/#keypoints-eval): 1 at the same place, 0.6
    at k times the size of the instance. Without sigmas in the skeleton, they are 0.06.

    Args:
        first, second: (N, K, 2), img px.
        bbox_xywh: (N, 4), img px.
        dataset_meta: The skeleton.
    """
    sigmas = dataset_meta.sigmas
    if sigmas is None:
        sigmas = np.full(dataset_meta.num_keypoints, USUAL_SIGMA, np.float32)
    squared = ((first - second) ** 2).sum(axis=-1)
    area = bbox_xywh[:, 2:].astype(np.float64).prod(axis=1)[:, None]
    return np.asarray(np.exp(-squared / (2 * area * keypoint_variances(sigmas))))


def predict_views(predictor: PosePredictor, result: FrameResult) -> ViewedPoses:
    """Returns the poses of a frame by all views.

    Args:
        predictor: Without flip test, which would make both mirror images one view.
        result: Of the first view.
    """
    frame, poses = result.frame, result.poses
    boxes = Boxes.from_xywh(
        [pose.bbox_xywh for pose in poses],
        [pose.bbox_score for pose in poses],
        [pose.category_id for pose in poses],
    )
    last = frame.image_wh[0] - 1
    mirrored = boxes.xywh.copy()
    mirrored[:, 0] = last - mirrored[:, 0] - mirrored[:, 2]
    center, box_wh = xywh_to_center_wh(boxes.xywh)
    larger = np.concatenate([center - RESCALED / 2 * box_wh, RESCALED * box_wh], axis=1)
    turned = Frame(frame.index, np.ascontiguousarray(frame.image_bgr[:, ::-1]), frame.name)
    views = predictor([turned, frame], [Boxes.from_xywh(mirrored), Boxes.from_xywh(larger)])
    triples = [
        np.column_stack([pose.keypoints, pose.keypoint_scores])
        for view in (poses, *views)
        for pose in view
    ]
    shape = 3, len(poses), result.dataset_meta.num_keypoints, 3
    points = np.array(triples, np.float64).reshape(shape)  # (3 * N, K, 3) -> (3, N, K, 3)
    points[1] = points[1][:, result.dataset_meta.flip_indices]
    points[1, ..., 0] = last - points[1, ..., 0]
    mean = points.mean(axis=0)
    similarities = [
        keypoint_similarity(view[..., :2], mean[..., :2], boxes.xywh, result.dataset_meta)
        for view in points
    ]
    ids = [-1 if pose.track_id is None else pose.track_id for pose in poses]
    return ViewedPoses(
        frame.index,
        frame.image_wh,
        boxes,
        mean[..., :2],
        mean[..., 2],
        np.min(similarities, axis=0),
        np.array(ids, np.int64),
    )


def view_all(
    inferencer: PoseInferencer, source: Source
) -> Generator[tuple[Frame, ViewedPoses], None, None]:
    """Yields every good frame of a source with its poses by all views."""
    name = source.name.rpartition('/')[2]
    with closing(inferencer(source)) as results:
        for result in track(results, name, source.num_frames):
            if not result.problem:
                yield result.frame, predict_views(inferencer.predictor, result)


def open_files(inputs: Sequence[str]) -> list[Source]:
    """Returns the sources of images and videos.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an input is a camera or an address, which has no files to label, or images
            and videos are mixed.
    """
    for text in inputs:
        if is_stream(text):
            raise ValueError(f"'{text}' is a camera or an address; expected images or videos")
    sources = open_sources(inputs)
    if len({source.fps is None for source in sources}) > 1:
        raise ValueError(
            'images and videos came together; give them in commands of their own, because the '
            'names of the images in a file of labels start from one folder'
        )
    return sources


def image_root(names: Sequence[str]) -> Path:
    """Returns the folder that all images are in, themselves or in folders below."""
    return Path(os.path.commonpath([os.path.dirname(name) or '.' for name in names]))
