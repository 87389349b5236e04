"""Sends scalars and pictures to TensorBoard, Weights & Biases, MLflow and others of mmengine."""

from __future__ import annotations

import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import MLflowVisBackend, Visualizer

from mmpose.registry import VISUALIZERS


@VISUALIZERS.register_module()
class PoseVisualizer(Visualizer):
    """mmengine's visualizer, whose pictures arrive in every backend.

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
