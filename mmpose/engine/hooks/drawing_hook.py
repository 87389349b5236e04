"""Draws predictions while a checkpoint is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmpose.registry import HOOKS
from mmpose.structures import PoseResult
from mmpose.visualization import draw_results


@HOOKS.register_module()
class ResultDrawingHook(Hook):
    """Writes images with their predicted poses to a folder.

    Args:
        out_dir: The folder. Images keep their names; a person who comes in a later batch than the
            first of the image is drawn onto the picture that is there.
        max_images: Images that each rank draws.
    """

    def __init__(self, out_dir: str, max_images: int = 200) -> None:
        self.out_dir = Path(out_dir)
        self.max_images = max_images
        self._drawn: set[str] = set()

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[PoseResult] | None = None,
    ) -> None:
        """Draws the results of a batch, image by image."""
        self.out_dir.mkdir(parents=True, exist_ok=True)
        by_image: dict[str, list[PoseResult]] = {}
        for result in outputs:
            by_image.setdefault(result.image_file, []).append(result)
        for file, results in by_image.items():
            if file not in self._drawn and len(self._drawn) >= self.max_images:
                continue
            target = self.out_dir / Path(file).with_suffix('.jpg').name
            image = cv2.imread(str(target if file in self._drawn else file))
            self._drawn.add(file)
            cv2.imwrite(str(target), draw_results(image, results, runner.bare_model.meta))
