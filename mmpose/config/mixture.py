"""Mixture configs, composed of the config fragments of single datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
