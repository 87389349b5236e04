"""From whatever a user calls a model to what runs it."""

from __future__ import annotations

from pathlib import Path

import torch

from mmpose.backends.base import PoseBackend
from mmpose.backends.model import init_model
from mmpose.backends.model_names import find_model
from mmpose.checkpoints.io import local_copy


def load_backend(
    model: str | Path,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
    dataset: str | None = None,
    dtype: str | None = None,
    compile_model: bool = False,
    flip_test: bool | None = None,
    input_size: tuple[int, int] | None = None,
    trust_checkpoint: bool = False,
) -> PoseBackend:
    """Returns a model, ready to predict.

    Args:
        model: See ``find_model``.
        checkpoint: See ``find_model``.
        device: See ``init_model``, as for the following.
        dataset: Which head of a model of several datasets.
        dtype: Precision.
        compile_model: Whether to compile.
        flip_test: Whether to average with the mirror image.
        input_size: Size of the crops, px.
        trust_checkpoint: Whether the checkpoint may run code.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If there is no such model, its weights cannot be had, or an exported model is
            asked for what was settled when it was exported.
    """
    source = find_model(model, checkpoint, dataset)
    if source.config is None:
        settled = {
            'dataset': dataset,
            'dtype': dtype,
            'compile': compile_model or None,
            'flip_test': flip_test,
            'input_size': input_size,
        }
        asked = [name for name, value in settled.items() if value is not None]
        if asked:
            raise ValueError(
                f'{", ".join(asked)} of an exported model is settled by tools/export.py; export '
                f"'{model}' again with what you need"
            )
        from mmpose.backends.exported import open_exported

        return open_exported(source.checkpoint, device=str(device))
    weights = source.checkpoint
    if weights is not None and '://' in weights:
        try:
            weights = local_copy(weights)
        except ValueError as error:
            raise ValueError(
                f"{error}; without a network, give the path of the weights of '{model}' as the "
                'checkpoint'
            ) from error
    loaded = init_model(
        source.config,
        weights,
        device,
        dataset=source.dataset,
        trust_checkpoint=trust_checkpoint,
        dtype=dtype,
        compile_model=compile_model,
        flip_test=flip_test,
        input_size=input_size,
    )
    return loaded.backend
