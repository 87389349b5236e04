"""From a model's name to a network: the only way, in this order and never back.

1. ``apis/inference/inferencer.py`` (or a notebook, an app) passes what the user gave to
   ``load_backend``.
2. ``model_names.find_model``: name, config, work dir or exported file -> config and checkpoint.
3. ``checkpoints/io.py``: the address of a checkpoint -> a local file.
4. ``init_model``: ``config/load.py`` reads the config, ``crop_rule.py`` its crops and their size.
5. ``models/pose_estimators``: the network is built with random weights.
6. ``checkpoints/load.py`` loads the weights, whatever code base they come from.
7. ``pytorch.TorchBackend`` runs it; ``exported.open_exported`` runs an exported file, after 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS as ROOT

from mmpose.backends.base import PoseBackend, pick_device
from mmpose.backends.crop_rule import CropRule, set_input_size
from mmpose.backends.exported import open_exported
from mmpose.backends.model_names import find_model
from mmpose.backends.pytorch import TorchBackend
from mmpose.checkpoints.heads import OTHER_DATASET, select_dataset
from mmpose.checkpoints.io import local_copy
from mmpose.checkpoints.load import load_model
from mmpose.config.load import load_config, read_recorded_config
from mmpose.models import MultiHeadPoseEstimator, TopdownPoseEstimator
from mmpose.models.backbones.vit_moe import plain_config
from mmpose.registry import CODECS, MODELS

# keys of a model that inference ignores; adapters are merged as they are loaded
TRAINING_ONLY = ('pretrained', 'pretrained_metainfo', 'lora', 'teacher')


def load_backend(
    model: str | Path,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
    dataset: str | None = None,
    dtype: str | None = None,
    compile_model: bool = False,
    cuda_graphs: bool = False,
    flip_test: bool | None = None,
    input_size: tuple[int, int] | None = None,
    trust_checkpoint: bool = False,
) -> PoseBackend:
    """Returns the backend of a model, ready to predict.

    Args:
        model: See ``find_model``.
        checkpoint: See ``find_model``.

    The other arguments are those of ``init_model``.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If there is no such model, its weights cannot be had, or an exported model is
            asked for what was settled when it was exported.
    """
    source = find_model(model, checkpoint, dataset)
    if source.config is None:
        settled = {
            'dtype': dtype,
            'compile': compile_model or None,
            'cuda_graphs': cuda_graphs or None,
            'flip_test': flip_test,
            'input_size': input_size,
        }
        asked = [name for name, value in settled.items() if value is not None]
        if asked:
            raise ValueError(
                f'{", ".join(asked)} of an exported model is settled by tools/export.py; export '
                f"'{model}' again with what you need"
            )
        return open_exported(source.checkpoint, device=str(device), dataset=dataset)
    weights = source.checkpoint
    if weights is not None and '://' in weights:
        try:
            weights = local_copy(weights)
        except ValueError as error:
            raise ValueError(
                f"{error}; without a network, give the path of the weights of '{model}' as the "
                'checkpoint'
            ) from error
    # that of a folder may be anyone's, and a config is a program
    is_anyones = source.config.suffix == '.json' or Path(model).is_dir()
    try:
        loaded = init_model(
            _read_values(source.config) if is_anyones else source.config,
            weights,
            device,
            dataset=source.dataset,
            trust_checkpoint=trust_checkpoint,
            dtype=dtype,
            compile_model=compile_model,
            cuda_graphs=cuda_graphs,
            flip_test=flip_test,
            input_size=input_size,
        )
        return loaded.backend
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        if not is_anyones:
            raise
        raise ValueError(
            f"'{source.config}' describes no model that can be built here "
            f'({type(error).__name__}: {str(error).splitlines()[0]}); save it again'
        ) from error


def _read_values(path: Path) -> Config:
    """Returns a config that is not run, and that builds registered components only.

    Raises:
        ValueError: If it names anything else, which mmengine would import.
    """
    cfg = read_recorded_config(path)
    MODELS.import_from_location()
    CODECS.import_from_location()
    known = {**ROOT.module_dict, **CODECS.module_dict, **MODELS.module_dict}
    paths = {f'{kind.__module__}.{kind.__qualname__}' for kind in known.values()}
    names = {name for kind in known for name in (kind, f'mmpose.{kind}')}
    model = cfg.get('model')
    if not isinstance(model, Mapping):
        raise ValueError(f"'{path}' holds no model; save it again")
    parts = {key: part for key, part in model.items() if key != 'metainfo'}
    unknown = sorted({*_types(parts)} - paths - names)
    if unknown:
        raise ValueError(
            f"'{path}' needs {', '.join(unknown)}, which nothing that is installed registers; "
            'install the package that does (docs/extending.md)'
        )
    return cfg


def _types(node: Any) -> Iterator[str]:
    """Yields every ``type`` of a nested config, and every scope."""
    for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
        if key in ('type', '_scope_'):
            yield str(value)
        elif isinstance(value, (Mapping, list, tuple)):
            yield from _types(value)


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
    cfg_options: dict[str, Any] | None = None,
    dataset: str | None = None,
    trust_checkpoint: bool = False,
    dtype: str | None = None,
    compile_model: bool = False,
    cuda_graphs: bool = False,
    flip_test: bool | None = None,
    input_size: tuple[int, int] | None = None,
) -> TopdownPoseEstimator:
    """Returns a model in eval mode on a device; its config is at ``model.cfg``.

    Args:
        config: A config file, or a config.
        checkpoint: Loaded strictly, whatever code base it comes from. None leaves random weights,
            with a warning.
        device: Such as ``cpu``, ``cuda`` or ``cuda:1``.
        cfg_options: Overrides by dotted key, as ``--cfg-options`` gives them.
        dataset: Which head of a model of several datasets, by its name; the first by default.
        trust_checkpoint: Whether the checkpoint may run code when it is read.
        dtype: ``float32``, the default; or ``bfloat16`` or ``float16`` (GPU only) for mixed
            precision.
        compile_model: Whether ``torch.compile`` makes backbone and head faster; the first batch
            takes minutes then.
        cuda_graphs: Whether a GPU runs batches of up to 32 crops by CUDA graphs, see
            ``CudaGraphs``; the first batch of each size takes a few times as long then.
        flip_test: Whether heatmaps are averaged with those of the mirror image, which takes twice
            as long; None does what the config says.
        input_size: Width and height of the crops, px, instead of the config's. Position embeddings
            are resized as the checkpoint is loaded.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the parts do not fit each other; the message says which.
    """
    where = pick_device(str(device))
    if isinstance(config, Config):
        cfg = config.copy()
        cfg.merge_from_dict(cfg_options or {})
    else:
        cfg = load_config(config, cfg_options, check=False)
    if input_size is not None:
        set_input_size(cfg, input_size)
    if flip_test is not None:
        cfg.model.flip_test = flip_test
        cfg.model.get('test_cfg', {}).pop('flip_test', None)
    rule = CropRule.from_config(cfg, dataset)
    model_cfg = {key: None if key in TRAINING_ONLY else value for key, value in cfg.model.items()}
    if cfg.model.get('lora'):  # a file of adapters alone is put on its backbone
        model_cfg['pretrained'] = cfg.model.get('pretrained')
    model = _build(model_cfg, checkpoint, dataset, trust_checkpoint)
    if checkpoint is None:
        name = cfg.filename or 'the config'
        warnings.warn(
            f'RANDOM WEIGHTS: no checkpoint was given for {name}, so the poses mean nothing',
            stacklevel=2,
        )
    model.cfg = cfg
    model.to(where).eval()
    model.backend = TorchBackend(
        model, rule.padding, rule.stretch, dtype, compile_model, cuda_graphs
    )
    return model


def _build(
    model_cfg: dict[str, Any], checkpoint: str | Path | None, dataset: str | None, trust: bool
) -> TopdownPoseEstimator:
    names = model_cfg.get('names') or ()
    if dataset is not None and 'heads' not in model_cfg:
        raise ValueError(f"dataset='{dataset}' chooses a head, but the model has only one")
    if dataset is not None and names and dataset not in names:
        raise ValueError(f"the model has no dataset '{dataset}', only {', '.join(names)}")
    if model_cfg['backbone'].get('num_expert') and 'heads' in model_cfg:
        return _build_of_experts(
            model_cfg, checkpoint, names.index(dataset) if dataset else 0, trust
        )
    model = MODELS.build(model_cfg)
    if checkpoint is not None:
        load_model(model, checkpoint, trust)
    if isinstance(model, MultiHeadPoseEstimator):
        return model.single(dataset or model.names[0])
    return model


def _build_of_experts(
    model_cfg: dict[str, Any], checkpoint: str | Path | None, index: int, trust: bool
) -> TopdownPoseEstimator:
    """Returns the plain model of one dataset of a ViTPose+ model.

    Only this dataset's head is built, so that weights which have no other load as well: those of
    Hugging Face have that of the first dataset.
    """
    backbone = {**model_cfg['backbone'], 'default_dataset': index}
    single = dict(
        type='TopdownPoseEstimator',
        backbone=backbone,
        head=model_cfg['heads'][index],
        metainfo=model_cfg['metainfo'][index],
        neck=model_cfg.get('neck'),
        data_preprocessor=model_cfg.get('data_preprocessor'),
        flip_test=model_cfg.get('flip_test'),
        test_cfg=model_cfg.get('test_cfg'),
    )
    model = MODELS.build(single)
    if checkpoint is not None:
        report = load_model(model, checkpoint, trust)
        if index and OTHER_DATASET not in report.dropped.values():
            name = (model_cfg.get('names') or model_cfg['metainfo'])[index]
            raise ValueError(
                f"'{checkpoint}' has the head of one dataset only, the first of the model, and not "
                f"that of '{name}'; give the original file with all heads"
            )
    plain = MODELS.build({**single, 'backbone': plain_config(backbone)})
    plain.load_state_dict(select_dataset(model.state_dict(), index))
    return plain
