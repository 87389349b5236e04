"""Table of renamed words in configs: whoever writes an old one is told the new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Place = tuple[str, str, Mapping[str, Any]]
"""Kind of a part of a config, where it stands, and the part itself."""


class Renamed(NamedTuple):
    """A key, or the name of a class, that has another name now.

    Attributes:
        kind: Kind of the part that has it: model, head, codec, dataset, transform, metric or hook.
        old: The old name.
        new: The new name, and how to write its value if that differs.
    """

    kind: str
    old: str
    new: str


RENAMED = (
    Renamed('codec', 'input_wh', 'input_size'),
    Renamed('codec', 'heatmap_wh', 'heatmap_size'),
    Renamed('head', 'codec', 'decoder'),
    Renamed('head', 'deconv_channels', 'deconv_out_channels'),
    Renamed('head', 'deconv_kernels', 'deconv_kernel_sizes'),
    Renamed('head', 'final_kernel', 'final_layer, a dict(kernel_size=...)'),
    Renamed('dataset', 'dataset_index', 'dataset_idx'),
    Renamed('transform', 'BoxToWindow', 'GetBBoxCenterScale'),
    Renamed('transform', 'HalfBody', 'RandomHalfBody'),
    Renamed('transform', 'RandomCenterJitter', 'RandomShiftBboxCenter'),
    Renamed(
        'transform',
        'RandomScaleRotation',
        "RandomBBoxTransform with distribution='clipped_normal', shift_prob=0 and twice the angle "
        'as rotate_factor',
    ),
    Renamed('transform', 'input_wh', 'input_size'),
    Renamed('transform', 'aligned', 'use_udp'),
    Renamed('transform', 'min_visible', 'min_total_keypoints, which is one more'),
    Renamed('transform', 'upper_prob', 'upper_prioritized_prob'),
    Renamed('transform', 'rotation_factor', 'rotate_factor, which is twice as much'),
    Renamed('transform', 'rotation_prob', 'rotate_prob'),
)


def find_renamed(cfg: Mapping[str, Any]) -> Iterator[str]:
    """Yields a sentence for each old word of a config.

    Args:
        cfg: A whole config, composed and overridden.
    """
    seen = set()
    for kind, where, part in _places(cfg):
        for row in RENAMED:
            is_key, is_type = row.old in part, part.get('type') == row.old
            if row.kind == kind and (is_key or is_type) and (where, row.old) not in seen:
                seen.add((where, row.old))
                place = f'{where}.{row.old}' if is_key else f"type '{row.old}' of {where}"
                yield f'{place} is now called {row.new}'


def _places(cfg: Mapping[str, Any]) -> Iterator[Place]:
    model = cfg.get('model') or {}
    yield 'model', 'model', model
    heads = list(enumerate(model.get('heads') or ()))
    for where, head in [('model.head', model.get('head'))] + [
        (f'model.heads.{i}', x) for i, x in heads
    ]:
        if isinstance(head, Mapping):
            yield 'head', where, head
            for key in ('decoder', 'codec'):
                yield from _listed('codec', f'{where}.{key}', head.get(key))
    yield from _listed('codec', 'codec', cfg.get('codec'))
    for phase in ('train', 'val', 'test'):
        loader = f'{phase}_dataloader'
        yield from _datasets(f'{loader}.dataset', (cfg.get(loader) or {}).get('dataset'))
        yield from _listed('transform', f'{phase}_pipeline', cfg.get(f'{phase}_pipeline'))
        for kind, where, metric in _listed(
            'metric', f'{phase}_evaluator', cfg.get(f'{phase}_evaluator')
        ):
            yield kind, where, metric
            for i, group in enumerate(metric.get('metrics') or ()):
                yield from _listed(kind, f'{where}.metrics.{i}', group)
    for name, hook in (cfg.get('default_hooks') or {}).items():
        yield from _listed('hook', f'default_hooks.{name}', hook)
    yield from _listed('hook', 'custom_hooks', cfg.get('custom_hooks'))


def _datasets(where: str, dataset: Any) -> Iterator[Place]:
    if not isinstance(dataset, Mapping):
        return
    yield 'dataset', where, dataset
    yield from _listed('transform', f'{where}.pipeline', dataset.get('pipeline'))
    for i, part in enumerate(dataset.get('datasets') or ()):
        yield from _datasets(f'{where}.datasets.{i}', part)


def _listed(kind: str, where: str, parts: Any) -> Iterator[Place]:
    """Yields a part, or each of several."""
    if isinstance(parts, Mapping):
        yield kind, where, parts
    elif isinstance(parts, (list, tuple)):
        for i, part in enumerate(parts):
            yield from _listed(kind, f'{where}.{i}', part)
