"""Detector protocol, the detector of whole images, and user functions as detectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mmpose.structures import Boxes, Frame


class Detector(Protocol):
    """Finds the instances (people, animals, hands) in frames; any such callable will do."""

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Returns the boxes of each frame, img px, in the order of the frames."""
        ...


class WholeImage:
    """Gives one box that covers the image, for images of one instance."""

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Returns one box per frame."""
        return [Boxes.whole_image(frame.image_wh) for frame in frames]


class CheckedDetector:
    """Wraps a user function and checks that it returns boxes.

    Args:
        function: Takes a list of ``Frame`` and returns a list of ``Boxes``, one per frame. It
            chooses its own categories and thresholds.
    """

    def __init__(self, function: Callable[[Sequence[Frame]], Any]) -> None:
        self.function = function

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Returns the boxes of each frame.

        Raises:
            TypeError: If the function does not return a list of ``Boxes``.
            ValueError: If it is not one per frame.
        """
        found = self.function(frames)
        name = getattr(self.function, '__name__', type(self.function).__name__)
        if not isinstance(found, list | tuple):
            raise TypeError(
                f'detector {name} returned {type(found).__name__}, expected a list with the Boxes '
                'of each frame'
            )
        if len(found) != len(frames):
            raise ValueError(
                f'detector {name} returned {len(found)} items for {len(frames)} frames, expected '
                'the Boxes of each frame'
            )
        for frame, boxes in zip(frames, found, strict=True):
            if not isinstance(boxes, Boxes):
                raise TypeError(
                    f'detector {name} returned {type(boxes).__name__} for frame {frame.index}, '
                    'expected mmpose.structures.Boxes; make them with Boxes.from_xyxy(corners, '
                    'scores) or Boxes.from_xywh'
                )
        return list(found)
