"""Export of weights without a program: Hugging Face and safetensors."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor

from mmpose.backends import ExportedBackend, PoseBackend
from mmpose.backends.metadata import ExportMetadata
from mmpose.checkpoint_tools import convert_checkpoint
from mmpose.export.comparison import compare
from mmpose.export.crops import load_crops
from mmpose.export.export import NUM_COMPARED, ExportReport, remove, require_same
from mmpose.export.models import Source, load_source

WEIGHTS = {'huggingface': '', 'safetensors': '.safetensors'}


class TransformersRuntime:
    """Runs the VitPose of Hugging Face transformers; see ``Runtime``.

    Args:
        folder: With ``config.json`` and the weights.
        metadata: Of the model it was made from.
    """

    device = torch.device('cpu')

    def __init__(self, folder: Path, metadata: ExportMetadata) -> None:
        from transformers import VitPoseForPoseEstimation

        self.metadata = metadata
        self._model = VitPoseForPoseEstimation.from_pretrained(folder).eval()

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        """See ``Runtime``."""
        return [self._model(pixel_values=inputs[0]).heatmaps]


def export_weights(
    source: Source,
    config: str | Path,
    checkpoint: str | Path,
    path: str | Path,
    format: str,
    images: str | Path | None = None,
    trust_checkpoint: bool = False,
) -> ExportReport:
    """Converts a checkpoint and compares what comes out with PyTorch on the same crops.

    Files for transformers are run by transformers, where it is installed and has the model; others
    by a model of the config that loads the new file.

    Args:
        source: The models of config and checkpoint, without flip test.
        checkpoint: File of any known code base.
        path: File or folder to write; one that is there is replaced.
        format: One of ``WEIGHTS``.

    Raises:
        ValueError: If the format cannot hold the model, or the model differs too much.
    """
    path = Path(path)
    if path.suffix != WEIGHTS[format]:
        wanted = f'a name that ends in {WEIGHTS[format]}' if WEIGHTS[format] else 'a folder'
        raise ValueError(f"'{path}' should be {wanted} for --format {format}")
    remove(path)
    done = convert_checkpoint(checkpoint, path, format, config, trust_checkpoint)
    crops = load_crops(images, NUM_COMPARED, source.metadata.input_size)
    names = [dataset.name for dataset in source.metadata.datasets]
    if format == 'huggingface':
        names = names[:1]  # of several heads it keeps the first
    try:
        comparisons = [
            compare(model.backend, model.head.decoder, found, crops, name)
            for model, found, name in zip(
                source.models, _reopen(source, config, path, format, names), names, strict=False
            )
        ]
        require_same(comparisons, 'fp32', path)
    except BaseException:
        remove(path)
        raise
    report = ExportReport(path, format, None, comparisons, notes=done.notes)
    report.write()
    return report


def _reopen(
    source: Source, config: str | Path, path: Path, format: str, names: list[str]
) -> list[PoseBackend]:
    has_transformers = importlib.util.find_spec('transformers') is not None
    is_plain = 'heads' not in source.models[0].cfg.model
    if format == 'huggingface' and has_transformers and is_plain:
        return [ExportedBackend(TransformersRuntime(path, source.metadata))]
    chosen = names[0] if len(names) < len(source.models) else None
    return [model.backend for model in load_source(config, path, dataset=chosen).models]
