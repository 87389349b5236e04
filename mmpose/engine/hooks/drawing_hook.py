"""Drawing hook: pictures of the predictions while a checkpoint is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmpose.registry import HOOKS
from mmpose.structures import DatasetMeta, PoseResult
from mmpose.visualization import draw_results


@HOOKS.register_module()
class ResultDrawingHook(Hook):
    """Writes images with their predicted poses to a folder, of a mixture to one per dataset.

    Args:
        out_dir: The folder; a mixture of datasets gets folders named like its datasets. Images
            keep their names; an instance that comes in a later batch than the first of the image is
            drawn onto the picture that is there.
        max_images: Images that each rank draws, of a mixture for each dataset.
    """

    def __init__(self, out_dir: str, max_images: int = 200) -> None:
        self.out_dir = Path(out_dir)
        self.max_images = max_images
        self._drawn: dict[Path, set[str]] = {}

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[PoseResult] | None = None,
    ) -> None:
        """Draws the results of a batch, image by image."""
        model = runner.bare_model
        groups: dict[tuple[int, str], list[PoseResult]] = {}
        for result in outputs:
            groups.setdefault((result.dataset_idx, result.image_file), []).append(result)
        for (index, file), results in groups.items():
            if hasattr(model, 'heads'):
                self._draw(file, results, model.metas[index], self.out_dir / model.names[index])
            else:
                self._draw(file, results, model.dataset_meta, self.out_dir)

    def _draw(
        self, file: str, results: list[PoseResult], dataset_meta: DatasetMeta, folder: Path
    ) -> None:
        drawn = self._drawn.setdefault(folder, set())
        if file not in drawn and len(drawn) >= self.max_images:
            return
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / Path(file).with_suffix('.jpg').name
        image = cv2.imread(str(target if file in drawn else file))
        drawn.add(file)
        cv2.imwrite(str(target), draw_results(image, results, dataset_meta))
