"""Mixtures of datasets in a config: composed of fragments, or of labels and pseudo-labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmpose.config.load import read_config


@dataclass(frozen=True)
class Mixture:
    """Config parts of D datasets, in order; a fragment writes them into its loaders and evaluators.

    Attributes:
        names: Names, for losses, metrics and folders.
        metainfo: Skeletons.
        codecs: Configs of the codecs.
        datasets: Phase (``train``, ``val``, ``test``) -> configs of the datasets with pipelines.
        metrics: Phase (``val``, ``test``) -> configs of the metrics.
    """

    names: list[str]
    metainfo: list[str]
    codecs: list[dict[str, Any]]
    datasets: dict[str, list[dict[str, Any]]]
    metrics: dict[str, list[Any]]


def compose_mixture(folder: str | Path, table: Sequence[tuple[str, str, str]]) -> Mixture:
    """Reads the fragments of a mixture.

    Args:
        folder: Folder that holds ``data/`` and ``pipelines/``.
        table: A row per dataset: name, fragment in ``data/``, fragment in ``pipelines/``.
    """
    data = [read_config(Path(folder) / 'data' / f'{row[1]}.py') for row in table]
    steps = [read_config(Path(folder) / 'pipelines' / f'{row[2]}.py') for row in table]
    pipelines = {'train': 'train_pipeline', 'val': 'val_pipeline', 'test': 'val_pipeline'}
    return Mixture(
        names=[row[0] for row in table],
        metainfo=[one.metainfo for one in data],
        codecs=[one.codec for one in steps],
        datasets={
            phase: [
                dict(one[f'{phase}_dataloader'].dataset, pipeline=own[pipeline])
                for one, own in zip(data, steps, strict=True)
            ]
            for phase, pipeline in pipelines.items()
        },
        metrics={phase: [one[f'{phase}_evaluator'] for one in data] for phase in ('val', 'test')},
    )


def add_pseudo_labels(cfg: Config, ann_file: str | Path, image_folder: str | Path) -> None:
    """Mixes pseudo-labels into the training data of a model with one head.

    Args:
        cfg: The config; changed in place. Its training dataset becomes a ``CombinedDataset`` of
            that dataset and of the pseudo-labels, with one pipeline, in their natural shares.
        ann_file: What ``pose pseudo-label`` wrote, or another COCO keypoint file.
        image_folder: What the file names in it start from.

    Raises:
        FileNotFoundError: If the file or the folder is missing.
        ValueError: If the config has several heads, experts or a mixture already.
    """
    labelled = cfg.train_dataloader.dataset
    if 'heads' in cfg.model or 'datasets' in labelled or 'num_expert' in cfg.model.backbone:
        raise ValueError(
            f'--pseudo-labels {ann_file} are for a model with one head and one training dataset, '
            f'and {cfg.filename} has several, or experts; list the file among '
            'train_dataloader.dataset.datasets'
        )
    for path, is_there in (
        (ann_file, Path(ann_file).is_file()),
        (image_folder, Path(image_folder).is_dir()),
    ):
        if not is_there:
            raise FileNotFoundError(
                f'--pseudo-labels: {path} does not exist; give the file that pose pseudo-label '
                'has written, then the folder of its images'
            )
    shared = {key: labelled[key] for key in ('pipeline', 'on_bad_image') if key in labelled}
    pseudo = dict(
        type='CocoDataset',
        metainfo=cfg.model.get('metainfo', 'coco'),
        **shared,
        ann_file=str(Path(ann_file).resolve()),
        data_prefix=dict(img=str(Path(image_folder).resolve())),
    )
    cfg.train_dataloader.dataset = dict(type='CombinedDataset', datasets=[labelled, pseudo])
