"""Pose estimator for single frames, with the published names and arguments."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.apis.inference import PoseBackend, PosePredictor, load_backend
from mmpose.apis.inference.images import as_bgr
from mmpose.backends import pick_device
from mmpose.structures import Boxes, DatasetMeta, Frame
from mmpose.structures import PoseResult as PersonPose

People = Sequence[dict[str, Any]] | ArrayLike | Boxes


@dataclass
class PoseResult:
    """Pose of one person.

    Attributes:
        keypoints: (K, 2), img px.
        scores: (K,). Confidence of each keypoint.
        meta: ``bbox`` (xyxy, img px), ``bbox_score``, ``skeleton`` and ``frame_size`` (w, h).
    """

    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    meta: dict[str, Any] = field(default_factory=dict)


class ViTPoseEstimator:
    """Top-down pose estimator of all people in a frame, in one batch.

    Args:
        config_path: Config file; also a name, a work dir or an exported file, see ``find_model``.
        checkpoint_path: Weights. None leaves random weights, with a warning.
        device: Device, such as ``cuda:0`` or ``cpu``; None takes a GPU where there is one.
        flip_test: Whether heatmaps are averaged with those of the flipped image, at twice the cost.
        dtype: ``float32``, ``bfloat16`` or ``float16``.
        cuda_graphs: See ``init_model``.
        batch_size: Crops per batch.

    Attributes:
        dataset_meta: The skeleton.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the files do not fit each other, or the checkpoint would run code.
    """

    def __init__(
        self,
        config_path: str | Path,
        checkpoint_path: str | Path | None = None,
        device: str | None = None,
        flip_test: bool | None = None,
        dtype: str | None = None,
        cuda_graphs: bool = False,
        batch_size: int = 32,
    ) -> None:
        where = pick_device(device)
        with warnings.catch_warnings():
            # The application shows this warning itself, in large letters.
            warnings.filterwarnings('ignore', message='RANDOM WEIGHTS')
            self.backend: PoseBackend = load_backend(
                config_path,
                checkpoint_path,
                where,
                dtype=dtype,
                cuda_graphs=cuda_graphs,
                flip_test=flip_test,
            )
        self.device = str(where)
        self.dataset_meta: DatasetMeta = self.backend.dataset_meta
        crop_device = where if where.type == 'cuda' else None
        self.predictor = PosePredictor(self.backend, batch_size, crop_device=crop_device)

    @property
    def has_flip_test(self) -> bool:
        """Whether the model runs a flip test."""
        return bool(getattr(getattr(self.backend, 'model', None), 'flip_test', False))

    def set_flip_test(self, wanted: bool) -> None:
        """Switches the flip test; has no effect on an exported file."""
        model = getattr(self.backend, 'model', None)
        if model is not None and hasattr(model, 'flip_test'):
            model.flip_test = wanted

    def infer(self, frame: NDArray[Any], person_results: People | None = None) -> PoseResult:
        """Returns the pose of the most certain person.

        Args:
            frame: (H, W, 3) BGR, grey or BGRA.
            person_results: Boxes of people: dicts with ``bbox`` (xyxy, optionally a score), an
                array (N, 4) or (N, 5) of these, or ``Boxes``; None takes the whole frame.

        Raises:
            ValueError: If the frame is no image, or no box intersects it.
        """
        poses = self.infer_people(frame, person_results)
        if not poses:
            raise ValueError('there is nobody: no box is inside of the frame')
        return max(poses, key=lambda pose: float(pose.scores.mean()))

    def infer_people(
        self, frame: NDArray[Any], person_results: People | None = None
    ) -> list[PoseResult]:
        """Returns the pose of the person in each box; boxes outside of the frame are omitted."""
        image = Frame(0, as_bgr(frame), '')
        boxes = _boxes_of(person_results, image.image_wh)
        boxes = boxes.select(boxes.is_usable(image.image_wh))
        return [self._published(pose, image) for pose in self.predictor([image], [boxes])[0]]

    def _published(self, pose: PersonPose, frame: Frame) -> PoseResult:
        left, top, width, height = pose.bbox_xywh.tolist()
        meta = {
            'bbox': [left, top, left + width, top + height],
            'bbox_score': float(pose.bbox_score),
            'skeleton': self.dataset_meta.name,
            'frame_size': list(frame.image_wh),
        }
        return PoseResult(pose.keypoints, pose.keypoint_scores, meta)


def infer_pose(frame: NDArray[Any], estimator: ViTPoseEstimator) -> PoseResult:
    """Returns the pose of the person who fills a frame (H, W, 3) BGR."""
    return estimator.infer(frame)


def _boxes_of(people: People | None, image_wh: tuple[int, int]) -> Boxes:
    if people is None:
        return Boxes.whole_image(image_wh)
    if isinstance(people, Boxes):
        return people
    rows = [person['bbox'] if isinstance(person, dict) else person for person in people]  # type: ignore[union-attr]
    table = np.asarray(rows, np.float32)
    if not len(table):
        return Boxes.from_xywh([])
    if table.ndim != 2 or table.shape[1] not in (4, 5):
        raise ValueError(
            f'boxes have shape {table.shape}, expected (N, 4) xyxy or (N, 5) and score'
        )
    return Boxes.from_xyxy(table[:, :4], table[:, 4] if table.shape[1] == 5 else None)
