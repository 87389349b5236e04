"""What inference gives for each frame."""

from __future__ import annotations

from dataclasses import dataclass

from mmpose.structures import Frame, PoseMeta, PoseResult


@dataclass(frozen=True, eq=False)
class FrameResult:
    """A frame and the poses in it.

    Attributes:
        frame: The image, with its place in the source.
        poses: One a person; none if nobody is there or the frame is damaged.
        meta: Skeleton of the poses.
        problem: Why the frame could not be read; its image is the one before it then. Empty for
            a good frame.
    """

    frame: Frame
    poses: list[PoseResult]
    meta: PoseMeta
    problem: str = ''
