"""Exported programs as a pose backend."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpose.backends.base import Prediction
from mmpose.backends.runtimes import RUNTIMES, Runtime
from mmpose.models.calibration import read_confidence
from mmpose.models.data_preprocessor import PoseDataPreprocessor
from mmpose.models.pose_estimators.base import NUM_COLORS


class ExportedBackend:
    """Runs a program that ``tools/export.py`` made; see ``PoseBackend``.

    Args:
        dataset: Which dataset of a program for several, by its name; the first by default.
    """

    def __init__(self, runtime: Runtime, dataset: str | None = None) -> None:
        metadata = runtime.metadata
        self.runtime = runtime
        self.dataset_idx = metadata.find_dataset(dataset)
        chosen = metadata.datasets[self.dataset_idx]
        self.dataset_meta = chosen.dataset_meta
        self.codec = chosen.build_codec()
        self.calibration = chosen.build_calibration()
        self.input_size = metadata.input_size
        self.use_udp = chosen.use_udp
        self.padding = chosen.padding
        self.stretch = chosen.stretch
        self.has_condition = metadata.num_channels > NUM_COLORS
        self._preprocessor = PoseDataPreprocessor(
            metadata.mean[:NUM_COLORS], metadata.std[:NUM_COLORS], metadata.channel_order == 'rgb'
        ).to(runtime.device)

    @torch.inference_mode()
    def predict(self, crops: Tensor, with_heatmaps: bool = False) -> Prediction:
        """Returns the poses in crops (B, 3, h, w) uint8 BGR; see ``PoseBackend``."""
        metadata = self.runtime.metadata
        if with_heatmaps and metadata.decoded:
            raise ValueError(
                'heatmaps are wanted, but the exported program decodes them itself; export it '
                'without --decode-in-graph'
            )
        inputs = self._preprocessor.normalize(crops.to(self.runtime.device))
        outputs = self._run(inputs)
        visibility = outputs.pop() if metadata.visibility else None
        heatmaps = None
        if metadata.decoded:
            keypoints, scores = outputs
            num = self._checked(keypoints.shape[1], self.dataset_meta.num_keypoints)
            keypoints, scores = keypoints[:, :num], scores[:, :num]
        else:
            channels = self.codec.num_channels(self.dataset_meta.num_keypoints)
            heatmaps = outputs[0][:, : self._checked(outputs[0].shape[1], channels)]
            keypoints, scores = self.codec.decode(heatmaps)
        scores, confidence = read_confidence(
            keypoints, scores, heatmaps, self.codec, self.calibration, visibility
        )
        return Prediction(keypoints, scores, heatmaps if with_heatmaps else None, confidence)

    def _run(self, inputs: Tensor) -> list[Tensor]:
        """Returns the outputs for any number of crops, also of a program for a fixed number."""
        size = self.runtime.metadata.batch_size
        extra = []
        if len(self.runtime.metadata.datasets) > 1:
            extra = [torch.tensor([self.dataset_idx], device=self.runtime.device)]
        if size is None:
            return self.runtime([inputs, *extra])
        missing = -len(inputs) % size
        filled = F.pad(inputs, (0, 0) * 3 + (0, missing)) if missing else inputs
        parts = [self.runtime([part, *extra]) for part in filled.split(size)]
        return [torch.cat(columns)[: len(inputs)] for columns in zip(*parts, strict=True)]

    def _checked(self, found: int, wanted: int) -> int:
        is_right = found >= wanted if len(self.runtime.metadata.datasets) > 1 else found == wanted
        if not is_right:
            raise ValueError(
                f'the program gives {found} channels, but its metadata says '
                f"'{self.dataset_meta.name}' "
                f'with {wanted}; the file was changed, export the model again'
            )
        return wanted


def open_exported(
    path: str | Path, device: str = 'cpu', threads: int | None = None, dataset: str | None = None
) -> ExportedBackend:
    """Returns a program made by ``tools/export.py``, ready for ``PosePredictor``.

    Args:
        path: A file with one of the endings in ``RUNTIMES``.
        device: ``cpu``, or ``cuda`` where the package that runs the format can use one.
        threads: Threads on a CPU; None leaves it to that package.
        dataset: Which dataset of a program for several, by its name; the first by default.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is none of ours, or cannot run on the device.
        ImportError: If the package that runs it is not installed.
    """
    path = Path(path)
    if path.suffix not in RUNTIMES:
        raise ValueError(
            f"'{path}' is no program that can be run here, expected a name that ends in "
            f'{", ".join(RUNTIMES)}'
        )
    if not path.exists():
        raise FileNotFoundError(f"'{path}' does not exist; tools/export.py makes it")
    return ExportedBackend(RUNTIMES[path.suffix](path, str(device), threads), dataset)
