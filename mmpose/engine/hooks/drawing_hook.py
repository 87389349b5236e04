"""Drawing hook: pictures of the predictions while a checkpoint is evaluated."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmpose.datasets import CombinedDataset
from mmpose.datasets.transforms.loading import image_loader
from mmpose.registry import HOOKS
from mmpose.structures import DatasetMeta, PoseResult
from mmpose.structures.output_files import OutputFiles
from mmpose.visualization import draw_results


@HOOKS.register_module()
class ResultDrawingHook(Hook):
    """Writes images with their predicted poses to a folder, of a mixture to one per dataset.

    Args:
        out_dir: The folder; a mixture of datasets gets folders named like its datasets. Images
            keep their names, with the folders below the image folder of the dataset; an instance
            that comes in a later batch than the first of the image is drawn onto the picture that
            is there.
        max_images: Images that each rank draws, of a mixture for each dataset.
    """

    def __init__(self, out_dir: str, max_images: int = 200) -> None:
        self.out_dir = Path(out_dir)
        self.max_images = max_images
        self._drawn: dict[Path, dict[str, Path]] = {}
        self._files = OutputFiles(since=time.time())

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[PoseResult] | None = None,
    ) -> None:
        """Draws the results of a batch, image by image."""
        model, parts = runner.bare_model, _parts(runner.test_dataloader.dataset)
        groups: dict[tuple[int, str], list[PoseResult]] = {}
        for result in outputs:
            groups.setdefault((result.dataset_idx, result.image_file), []).append(result)
        for (index, file), results in groups.items():
            if hasattr(model, 'heads'):
                folder = self.out_dir / model.names[index]
                self._draw(file, parts, results, model.metas[index], folder)
            else:
                self._draw(file, parts, results, model.dataset_meta, self.out_dir)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Records the pictures as made here."""
        self._files.record()

    def _draw(
        self,
        file: str,
        parts: list[Any],
        results: list[PoseResult],
        dataset_meta: DatasetMeta,
        folder: Path,
    ) -> None:
        drawn = self._drawn.setdefault(folder, {})
        is_new = file not in drawn
        if is_new and len(drawn) >= self.max_images:
            return
        if is_new:
            part = parts[results[0].dataset_idx] if len(parts) > 1 else parts[0]
            image = image_loader(part).read(file)
            self._files.add_inputs([file])
            roots = [Path(one.image_folder) for one in parts if hasattr(one, 'image_folder')]
            drawn[file] = self._files.claim(folder / _name_below(Path(file), roots))
        target = drawn[file]
        target.parent.mkdir(parents=True, exist_ok=True)
        image = image if is_new else cv2.imread(str(target))
        cv2.imwrite(str(target), draw_results(image, results, dataset_meta))


def _parts(dataset: Any) -> list[Any]:
    """Returns the datasets that a dataset combines, or itself."""
    return list(dataset.parts) if isinstance(dataset, CombinedDataset) else [dataset]


def _name_below(file: Path, roots: list[Path]) -> Path:
    """Returns the path of an image below the folder of its dataset: no two images share it.

    An ending in which pictures cannot be written gets ``.png`` behind it.
    """
    root = next((root for root in roots if file.is_relative_to(root)), file.parent)
    name = file.relative_to(root)
    name = Path(*(part for part in name.parts if part != '..'))
    return name if cv2.haveImageWriter(name.name) else name.with_name(f'{name.name}.png')
