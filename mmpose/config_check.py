"""Finds what contradicts itself in a config before anything is built or downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from mmpose.metainfo import load_metainfo
from mmpose.registry import CODECS

Config = Mapping[str, Any]

# fmt: off
TOP_LEVEL_KEYS = {
    'auto_scale_lr', 'codec', 'compile', 'custom_hooks', 'custom_imports', 'data_root',
    'dataset_type', 'default_hooks', 'default_scope', 'env_cfg', 'experiment_name',
    'find_unused_parameters', 'launcher', 'load_from', 'log_level', 'log_processor', 'metainfo',
    'model', 'model_wrapper_cfg', 'optim_wrapper', 'param_scheduler', 'randomness', 'resume',
    'strategy', 'sync_bn', 'test_cfg', 'test_dataloader', 'test_evaluator', 'test_pipeline',
    'train_cfg', 'train_dataloader', 'train_pipeline', 'trust_checkpoint', 'val_cfg',
    'val_dataloader', 'val_evaluator', 'val_pipeline', 'vis_backends', 'visualizer', 'work_dir',
}
# fmt: on
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# These read a COCO file and weigh distances by the sigmas of the skeleton.
COCO_METRICS = ('CocoMetric', 'CrowdPoseMetric', 'CocoWholeBodyMetric', 'HumanArtMetric')
OTHER_LAYOUTS = ('MpiiDataset', 'InterHand2DDataset')


def check_config(cfg: Config) -> list[str]:
    """Returns the problems of a config, each in a sentence that says where to mend it.

    Args:
        cfg: A whole config, composed and overridden.
    """
    return [problem for check in _CHECKS for problem in check(cfg)]


def _check_keys(cfg: Config) -> Iterator[str]:
    for key in cfg:
        if key in TOP_LEVEL_KEYS or key.startswith('_'):
            continue
        near = get_close_matches(key, TOP_LEVEL_KEYS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else 'remove it, or start it with _'
        yield f"unknown top-level key '{key}'; {hint}"


def _check_head(cfg: Config) -> Iterator[str]:
    model = cfg.get('model', {})
    head = model.get('head', {})
    if 'out_channels' not in head or 'codec' not in head:
        return
    meta = load_metainfo(model.get('metainfo', 'coco'))
    expected = CODECS.build(dict(head['codec'])).num_channels(meta.num_keypoints)
    if head['out_channels'] != expected:
        yield (
            f"head has {head['out_channels']} channels but '{meta.name}' has "
            f'{meta.num_keypoints} keypoints; set model.head.out_channels={expected}'
        )


def _check_widths(cfg: Config) -> Iterator[str]:
    model = cfg.get('model', {})
    width = model.get('backbone', {}).get('embed_dim')
    channels = model.get('head', {}).get('in_channels')
    if width is not None and channels is not None and width != channels and not model.get('neck'):
        yield (
            f'the backbone gives {width} channels but the head takes {channels}; '
            f'set model.head.in_channels={width}'
        )


def _check_sizes(cfg: Config) -> Iterator[str]:
    model = cfg.get('model', {})
    codec = model.get('head', {}).get('codec', {})
    input_wh = tuple(codec.get('input_wh', ()))
    img_size = model.get('backbone', {}).get('img_size')
    if input_wh and img_size is not None and tuple(img_size)[::-1] != input_wh:
        yield (
            f'the codec reads inputs of {input_wh[0]}x{input_wh[1]} px (w x h) but '
            f'model.backbone.img_size is {tuple(img_size)} (h, w); set it to {input_wh[::-1]}'
        )


def _check_crops(cfg: Config) -> Iterator[str]:
    codec = cfg.get('model', {}).get('head', {}).get('codec', {})
    if not codec:
        return
    input_wh, is_udp = tuple(codec['input_wh']), CODECS.build(dict(codec)).aligned
    for loader, crop in _crops(cfg):
        where = f'{loader}.dataset.pipeline'
        if tuple(crop['input_wh']) != input_wh:
            yield (
                f'{where} crops to {tuple(crop["input_wh"])} but the codec reads {input_wh}; '
                'use the pipeline of the fragment that holds the codec'
            )
        if bool(crop.get('use_udp', False)) != is_udp:
            yield (
                f'{where} crops with use_udp={crop.get("use_udp", False)} but the codec is '
                f'{codec["type"]}; set use_udp={is_udp} in TopdownAffine'
            )


def _check_windows(cfg: Config) -> Iterator[str]:
    for kind, key, default in (
        ('BoxToWindow', 'padding', 1.25),
        ('TopdownAffine', 'fix_aspect', True),
    ):
        values = {loader: step.get(key, default) for loader, step in _steps(cfg, kind)}
        first = next(iter(values), '')
        for loader, value in values.items():
            if value != values[first]:
                yield (
                    f'{loader}.dataset.pipeline has {key}={value} in {kind} but {first} has '
                    f'{values[first]}; a model reads the windows that it was trained on, so give '
                    'them the same'
                )


def _crops(cfg: Config) -> Iterator[tuple[str, Config]]:
    return _steps(cfg, 'TopdownAffine')


def _steps(cfg: Config, kind: str) -> Iterator[tuple[str, Config]]:
    for loader in LOADERS:
        dataset = (cfg.get(loader) or {}).get('dataset', {})
        for step in dataset.get('pipeline', []):
            if step.get('type') == kind:
                yield loader, step


def _check_skeletons(cfg: Config) -> Iterator[str]:
    wanted = load_metainfo(cfg.get('model', {}).get('metainfo', 'coco')).name
    for loader in LOADERS:
        dataset = (cfg.get(loader) or {}).get('dataset', {})
        if 'metainfo' not in dataset:
            continue
        name = load_metainfo(dataset['metainfo']).name
        if name != wanted:
            yield (
                f"{loader}.dataset has the skeleton '{name}' but the model has '{wanted}'; "
                f"set model.metainfo='{name}'"
            )


def _check_evaluators(cfg: Config) -> Iterator[str]:
    for phase in ('val', 'test'):
        dataset = (cfg.get(f'{phase}_dataloader') or {}).get('dataset', {})
        evaluators = cfg.get(f'{phase}_evaluator') or []
        evaluators = [evaluators] if isinstance(evaluators, Mapping) else evaluators
        for evaluator in evaluators:
            yield from _check_evaluator(phase, evaluator, dataset)


def _check_evaluator(phase: str, evaluator: Config, dataset: Config) -> Iterator[str]:
    ann_file = evaluator.get('ann_file')
    own = dataset.get('ann_file')
    if ann_file and own and not str(ann_file).endswith(str(own)):
        yield (
            f'{phase}_evaluator reads {ann_file} but {phase}_dataloader reads {own}; '
            'drop ann_file from the evaluator, it takes that of the dataset'
        )
    kind = evaluator.get('type')
    if kind not in COCO_METRICS:
        return
    if dataset.get('type') in OTHER_LAYOUTS and not ann_file:
        yield (
            f'{phase}_evaluator is {kind}, which reads COCO annotations, but the {phase} data are '
            f'a {dataset["type"]}; take a metric that compares keypoints (MpiiPCKh, PCKAccuracy, '
            'AUC, EPE)'
        )
    meta = load_metainfo(dataset.get('metainfo', 'coco'))
    if meta.sigmas is None:
        yield (
            f"{phase}_evaluator is {kind}, which needs sigmas, but the skeleton '{meta.name}' has "
            'none; take PCKAccuracy, AUC, EPE or NME'
        )


_CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _check_keys,
    _check_head,
    _check_widths,
    _check_sizes,
    _check_crops,
    _check_windows,
    _check_skeletons,
    _check_evaluators,
)
