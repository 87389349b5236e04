"""Metadata of an exported program: its input, output, codec and skeleton replace the config."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import json_tricks
import numpy as np
import torch

from mmpose.codecs import Codec
from mmpose.models.calibration import ScoreCalibration
from mmpose.registry import CODECS
from mmpose.structures import DatasetMeta

KEY = 'mmpose'  # under which a file holds the text
VERSION = 1
_ARRAYS = {
    'flip_indices': np.int64,
    'skeleton_links': np.int64,
    'dataset_keypoint_weights': np.float32,
    'sigmas': np.float32,
    'keypoint_colors': np.uint8,
    'skeleton_link_colors': np.uint8,
}


@dataclass(frozen=True, eq=False)
class ExportedDataset:
    """One dataset of a program: its crops, skeleton and codec.

    Attributes:
        name: Its name.
        use_udp: Whether crops are aligned windows (UDP); see ``CropWindow``.
        padding: Factor on both sides of a box; see ``CropWindow.from_bbox``.
        stretch: Whether the window is the square around the box, stretched to the crop; see
            ``PoseBackend``.
        dataset_meta: Its skeleton, of K keypoints; a program for several datasets gives as many as
            the largest has, and the first K count.
        codec: Config of the codec of its heatmaps.
        calibration: Coefficients of its ``ScoreCalibration``, (3, K, 2) as lists; None without.
        categories: Categories whose boxes it is for, name to id; None of a model that does not
            choose by category.
    """

    name: str
    use_udp: bool
    padding: float
    stretch: bool
    dataset_meta: DatasetMeta
    codec: dict[str, Any]
    calibration: list[Any] | None = None
    categories: dict[str, int] | None = None

    def build_codec(self) -> Codec:
        """Returns the codec."""
        return CODECS.build(dict(self.codec))

    def build_calibration(self) -> ScoreCalibration | None:
        """Returns what makes probabilities of the scores that the program gives."""
        if self.calibration is None:
            return None
        calibration = ScoreCalibration(self.dataset_meta.num_keypoints)
        calibration.coefficients = torch.tensor(self.calibration)
        return calibration


@dataclass(frozen=True, eq=False)
class ExportMetadata:
    """Metadata of a program.

    Attributes:
        config: Name of the config it comes from.
        checkpoint_sha256: Of the weights it comes from; empty for random ones.
        input_size: Width and height of a crop, px.
        channel_order: Of the input, ``rgb`` or ``bgr``.
        mean: (3,), subtracted from the input, on the 0..255 scale, in the order of its channels;
            (5,) with zeros at the end where a condition follows the colours.
        std: As many, by which it is divided then.
        batch_size: Crops a call; None for any number.
        decoded: Whether the outputs are keypoints (B, K, 2), in px, and scores (B, K) instead of
            heatmaps (B, C, H, W).
        flip_test: Whether the heatmaps are averaged with those of the mirrored crop.
        precision: ``fp32``, ``fp16`` or ``int8``.
        datasets: One, or those among which the input ``dataset_idx`` chooses.
        visibility: Whether the last output are visibilities (B, K, 3).
    """

    config: str
    checkpoint_sha256: str
    input_size: tuple[int, int]
    channel_order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    batch_size: int | None
    decoded: bool
    flip_test: bool
    precision: str
    datasets: tuple[ExportedDataset, ...]
    visibility: bool = False

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs of the program, in their order."""
        return ['input', 'dataset_idx'] if len(self.datasets) > 1 else ['input']

    @property
    def num_channels(self) -> int:
        """Channels of a crop."""
        return len(self.mean)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs of the program, in their order."""
        names = ['keypoints', 'scores'] if self.decoded else ['heatmaps']
        return names + ['visibility'] * self.visibility

    def find_dataset(self, name: str | None) -> int:
        """Returns the index of a dataset by its name; of the first if the name is None."""
        names = [dataset.name for dataset in self.datasets]
        if name is not None and name not in names:
            raise ValueError(f"the program has no dataset '{name}', only {', '.join(names)}")
        return 0 if name is None else names.index(name)

    def to_json(self) -> str:
        """Returns the text that goes into the file."""
        datasets = [
            {key: value for key, value in vars(one).items() if value is not None}
            for one in self.datasets
        ]
        about = {'version': VERSION, **vars(self), 'datasets': datasets}
        if not self.visibility:  # as the files of models without
            del about['visibility']
        return json_tricks.dumps(about, primitives=True)

    @classmethod
    def from_json(cls, text: str, source: str) -> ExportMetadata:
        """Returns the metadata that :meth:`to_json` wrote.

        Raises:
            ValueError: If the text is not ours, or that of another version.
        """
        try:
            values = json.loads(text)
            version = values.pop('version')
            if version != VERSION:
                raise ValueError(f'it has version {version}, this mmpose reads {VERSION}')
            datasets = tuple(_dataset_from_dict(dataset) for dataset in values.pop('datasets'))
            lists = {key: tuple(x) for key, x in values.items() if isinstance(x, list)}
            return cls(**{**values, **lists, 'datasets': datasets})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f"'{source}' has metadata that cannot be read ({error}); export the model again "
                'with tools/export.py'
            ) from error


def missing_metadata(source: str) -> ValueError:
    """Returns the error of a file that holds no metadata."""
    return ValueError(
        f"'{source}' does not say what its input and output mean: it has no '{KEY}' metadata, "
        'which tools/export.py writes; export the model with it'
    )


def _dataset_from_dict(values: dict[str, Any]) -> ExportedDataset:
    skeleton = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in values['dataset_meta'].items()
    }
    for key, dtype in _ARRAYS.items():
        if skeleton[key] is not None:
            skeleton[key] = np.array(skeleton[key], dtype)
    widths = {'skeleton_links': 2, 'keypoint_colors': 3, 'skeleton_link_colors': 3}
    for key, columns in widths.items():
        skeleton[key] = skeleton[key].reshape(-1, columns)
    return ExportedDataset(**{**values, 'dataset_meta': DatasetMeta(**skeleton)})
