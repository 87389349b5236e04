"""No detector at all."""

from __future__ import annotations

from collections.abc import Sequence

from mmpose.structures import Boxes, Frame


class WholeImage:
    """Takes every image for one box, which suits images that show one instance."""

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Returns one box per frame."""
        return [Boxes.whole_image(frame.image_wh) for frame in frames]
