"""Visualizer: scalars and pictures for TensorBoard, Weights & Biases, MLflow and others."""

from __future__ import annotations

import re

import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import MLflowVisBackend, Visualizer

from mmpose.registry import VISUALIZERS

# What MLflow does not take in the name of a metric, such as the brackets of 'coco/AP (M)'.
REFUSED_BY_MLFLOW = re.compile(r'[^\w\-.: /]')


@VISUALIZERS.register_module()
class PoseLocalVisualizer(Visualizer):
    """mmengine's visualizer, whose scalars and pictures arrive in every backend.

    Backends are chosen by ``vis_backends`` of the config, and what a backend needs is imported when
    it is chosen. Pictures come from the hooks: ``TrainingPreviewHook`` and ``BadCaseHook``.
    """

    @master_only
    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """Records a picture.

        MLflow takes the name for that of a file: it needs a suffix, and the next picture of the
        same name would replace it.

        Args:
            name: What the picture shows.
            image: (H, W, 3) uint8 RGB.
            step: Iteration or epoch.
        """
        image = np.ascontiguousarray(image)
        for backend in self._vis_backends.values():
            is_file = isinstance(backend, MLflowVisBackend)
            backend.add_image(f'{name}/{step:07d}.png' if is_file else name, image, step)

    @master_only
    def add_scalars(
        self, scalar_dict: dict[str, float], step: int = 0, file_path: str | None = None
    ) -> None:
        """Records scalars.

        Args:
            scalar_dict: Name to value.
            step: Iteration or epoch.
            file_path: File of the local backend instead of its own.
        """
        for backend in self._vis_backends.values():
            scalars = dict(scalar_dict)
            if isinstance(backend, MLflowVisBackend):
                scalars = {REFUSED_BY_MLFLOW.sub('', name): x for name, x in scalars.items()}
            backend.add_scalars(scalars, step, file_path)
