"""Models of an export and the metadata of their program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmpose.backends import init_model
from mmpose.backends.categories import categories_of_head
from mmpose.backends.metadata import ExportedDataset, ExportMetadata
from mmpose.checkpoints.io import checkpoint_sha256
from mmpose.config.load import load_config
from mmpose.metainfo import load_metainfo
from mmpose.models import TopdownPoseEstimator
from mmpose.models.pose_estimators.base import NUM_COLORS


@dataclass(frozen=True, eq=False)
class Source:
    """Plain models of a config and a checkpoint.

    Attributes:
        models: In eval mode on the CPU; one per dataset of the program.
        metadata: Of a float32 program that gives heatmaps.
    """

    models: tuple[TopdownPoseEstimator, ...]
    metadata: ExportMetadata


def load_source(
    config: str | Path,
    checkpoint: str | Path | None,
    cfg_options: dict[str, Any] | None = None,
    dataset: str | None = None,
    flip_test: bool = False,
    input_size: tuple[int, int] | None = None,
    batch_size: int | None = 1,
    trust_checkpoint: bool = False,
) -> Source:
    """Builds the models of a config.

    Args:
        cfg_options: Overrides by dotted key.
        dataset: The only dataset to take of a model of several; None takes all.
        flip_test: Whether the mirrored crops run too.
        input_size: Width and height of the crops, px, instead of the config's.
        batch_size: Crops a call of the program; None for any number.

    Raises:
        ValueError: If the datasets cannot share a program.
    """
    cfg = load_config(config, cfg_options, check=False)
    names = _dataset_names(cfg)
    if dataset is not None or len(names) == 1:
        names = [dataset or names[0]]
    models = tuple(
        init_model(
            cfg,
            checkpoint,
            dataset=name if 'heads' in cfg.model else dataset,
            trust_checkpoint=trust_checkpoint,
            flip_test=flip_test,
            input_size=input_size,
        )
        for name in names
    )
    codecs = [model.head.decoder for model in models]
    if None in codecs:
        raise ValueError(
            'an exported program gives heatmaps, but the head of the model predicts none; run the '
            'checkpoint itself'
        )
    if len({(codec.input_size, codec.heatmap_size) for codec in codecs}) > 1:
        raise ValueError(
            'the datasets have crops or heatmaps of different sizes, so one program cannot hold '
            'them all; export them one by one with --dataset'
        )
    preprocessor = models[0].data_preprocessor
    num_maps = models[0].num_channels - NUM_COLORS
    return Source(
        models,
        ExportMetadata(
            config=Path(config).stem,
            checkpoint_sha256='' if checkpoint is None else checkpoint_sha256(checkpoint),
            input_size=codecs[0].input_size,
            channel_order='rgb' if preprocessor.bgr_to_rgb else 'bgr',
            mean=(*preprocessor.mean.flatten().tolist(), *[0.0] * num_maps),
            std=(*preprocessor.std.flatten().tolist(), *[255.0] * num_maps),
            batch_size=batch_size,
            decoded=False,
            flip_test=flip_test,
            precision='fp32',
            datasets=tuple(
                ExportedDataset(
                    name=name,
                    use_udp=model.backend.use_udp,
                    padding=model.backend.padding,
                    stretch=model.backend.stretch,
                    dataset_meta=model.dataset_meta,
                    codec=_codec_config(model.cfg, name),
                    calibration=model.calibration and model.calibration.coefficients.tolist(),
                    categories=categories_of_head(model.cfg, name),
                )
                for name, model in zip(names, models, strict=True)
            ),
            visibility=models[0].visibility_head is not None,
        ),
    )


def _dataset_names(cfg: Config) -> list[str]:
    metainfo = cfg.model.get('metainfo', 'coco')
    if 'heads' not in cfg.model:
        return [load_metainfo(metainfo).name]
    return list(cfg.model.get('names') or metainfo)


def _codec_config(cfg: Config, name: str) -> dict[str, Any]:
    """Returns the codec's config as JSON values."""
    heads = cfg.model.heads if 'heads' in cfg.model else [cfg.model.head]
    head = heads[_dataset_names(cfg).index(name)] if len(heads) > 1 else heads[0]
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in head.decoder.items()
    }
