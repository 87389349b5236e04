"""Writes every prediction to a file, as the model gave it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmpose.evaluation.metrics.gathered_metric import GatheredMetric
from mmpose.evaluation.metrics.pose_arrays import PoseArrays
from mmpose.registry import METRICS


@METRICS.register_module()
class PredictionDump(GatheredMetric):
    """Writes the predictions of all ranks, before any suppression, into one ``.npz`` file.

    The file holds the arrays of ``PoseArrays`` by name: keypoints in img px, scores, boxes and ids.
    ``numpy.load`` reads it without unpickling.

    Args:
        out_file: Path of the file.
    """

    default_prefix = 'dump'

    def __init__(self, out_file: str) -> None:
        super().__init__()
        if not out_file.endswith('.npz'):
            raise ValueError(f'predictions are dumped as .npz, but the file is {out_file}')
        self.out_file = Path(out_file)

    def compute_metrics(self, results: PoseArrays) -> dict[str, float]:
        """Writes the file; there is no figure."""
        self.out_file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self.out_file, **vars(results))
        return {}
