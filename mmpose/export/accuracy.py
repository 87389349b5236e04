"""Evaluation of an exported program and its model on the same crops (``--check-ap``)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmpose.backends import PoseBackend
from mmpose.engine.runner import PoseRunner
from mmpose.evaluation.metrics import primary_metric
from mmpose.metainfo import load_metainfo
from mmpose.models.pose_estimators.results import batch_to_results
from mmpose.registry import METRICS
from mmpose.structures.progress import track


def evaluate_backends(
    cfg: Config, backends: Mapping[str, PoseBackend]
) -> dict[str, dict[str, float]]:
    """Evaluates backends on the validation set of a config, crop by crop one after the other.

    Args:
        cfg: Its ``val_dataloader`` and ``val_evaluator`` count; the crops get the size that the
            backends take.
        backends: By the name under which the metrics are returned; all of one model.

    Returns:
        Name of the backend -> metrics, the primary one first.

    Raises:
        ValueError: If the config is for several datasets, or its crops or its skeleton are not
            those of the backends.
    """
    loader_cfg = copy.deepcopy(cfg.val_dataloader)
    _fit_crops(loader_cfg, next(iter(backends.values())))
    with DefaultScope.overwrite_default_scope('mmpose'):
        loader = PoseRunner.build_dataloader(loader_cfg)
        metrics = {name: _build_metric(cfg, loader.dataset.metainfo) for name in backends}
    for data in track(loader, 'batches'):
        for name, backend in backends.items():
            found = backend.predict(data['inputs'])
            results = batch_to_results(
                found.keypoints, found.keypoint_scores, data['batch'], backend, found.confidence
            )
            metrics[name].process(data, results)
    found = {name: own.evaluate(len(loader.dataset)) for name, own in metrics.items()}
    primary = primary_metric(list(next(iter(found.values()))))
    return {name: {primary: own[primary], **own} for name, own in found.items()}


def _fit_crops(loader_cfg: dict[str, Any], backend: PoseBackend) -> None:
    dataset = loader_cfg['dataset']
    if 'pipeline' not in dataset:
        raise ValueError(
            '--check-ap takes the config of one dataset, got one of several; give that of the '
            'dataset you want to check'
        )
    dataset_meta = load_metainfo(dataset['metainfo'])
    if dataset_meta != backend.dataset_meta:
        raise ValueError(
            f"--check-ap got the skeleton '{dataset_meta.name}' but the model has "
            f"'{backend.dataset_meta.name}'; give a config with the skeleton of the model"
        )
    for step in dataset['pipeline']:
        if step['type'] == 'TopdownAffine':
            if step.get('use_udp', False) != backend.use_udp:
                raise ValueError(
                    f'--check-ap cuts crops with use_udp={not backend.use_udp} but the codec of '
                    f'the model needs {backend.use_udp}; give a config with the codec of the model'
                )
            step['input_size'] = backend.input_size


def _build_metric(cfg: Config, metainfo: dict[str, Any]) -> Any:
    evaluators = cfg.val_evaluator
    metric = METRICS.build(dict(evaluators if isinstance(evaluators, dict) else evaluators[0]))
    metric.dataset_meta = metainfo
    return metric
