"""The protocol of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mmpose.structures import Boxes, Frame


class Detector(Protocol):
    """Finds the instances (animals, hands) in frames; any callable of this form will do."""

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Returns the boxes of each frame, img px, in the order of the frames."""
        ...
