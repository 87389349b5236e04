"""What inference gives for each frame."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import DatasetMeta, Frame, PoseResult
from mmpose.visualization import draw_results


@dataclass(frozen=True)
class DrawOptions:
    """How poses are drawn; see ``draw_results``."""

    score_threshold: float = 0.3
    line_width: float | None = None
    show_boxes: bool = False
    show_scores: bool = False
    style: str = 'mmpose'
    color_by: str = 'keypoint'
    show_ids: bool = False
    keypoint_text: str | None = None
    radius: float | None = None
    alpha: float = 1.0
    heatmap: str | None = None
    black_background: bool = False


@dataclass(frozen=True, eq=False)
class FrameResult:
    """A frame and the poses in it.

    Attributes:
        frame: The image, with its place in the source.
        poses: One an instance; none if nobody is there or the frame is damaged.
        dataset_meta: Skeleton of the poses.
        problem: Why the frame could not be read; its image is the one before it then. Empty for
            a good frame.
    """

    frame: Frame
    poses: list[PoseResult]
    dataset_meta: DatasetMeta
    problem: str = ''

    def draw(self, options: DrawOptions | None = None) -> NDArray[np.uint8]:
        """Returns the image (H, W, 3), uint8 BGR, with the poses."""
        looks = asdict(options or DrawOptions())
        return draw_results(self.frame.image_bgr, self.poses, self.dataset_meta, **looks)
