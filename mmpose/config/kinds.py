"""Kinds of the parts of a config: which are dicts, which lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmpose.config.merge import walk

_DATASET = r'(train|val|test)_dataloader\.dataset(\.datasets\.\d+)?'
_HEAD = r'model\.head(s\.\d+)?'
DICTS = (
    rf'model(\.(backbone|neck|data_preprocessor))?|{_HEAD}(\.(decoder|loss))?',
    rf'(train|val|test)_(dataloader(\.sampler)?|cfg)|{_DATASET}(\.(data_prefix|pipeline\.\d+))?',
    r'optim_wrapper(\.(optimizer|paramwise_cfg|clip_grad))?|param_scheduler\.\d+',
    r'default_hooks(\.\w+)?|custom_hooks\.\d+|(val|test)_evaluator\.\d+|visualizer',
    r'auto_scale_lr|custom_imports|env_cfg(\.(mp_cfg|dist_cfg))?|log_processor|randomness',
)
LISTS = (rf'model\.heads|{_DATASET}\.pipeline|(train|val|test)_dataloader\.dataset\.datasets',)
LISTS += (r'(train|val|test)_pipeline|custom_hooks|visualizer\.vis_backends',)
EITHERS = (r'(val|test)_evaluator|param_scheduler',)
NEVER_NONE = re.compile(r'.*(\.\d+|pipeline|decoder)')
KINDS = {
    'a dict': (re.compile('|'.join(DICTS)), Mapping),
    'a list of dicts': (re.compile('|'.join(LISTS)), (list, tuple)),
    'a dict, or a list of dicts': (re.compile('|'.join(EITHERS)), (Mapping, list, tuple)),
}


def find_wrong_kinds(cfg: Mapping[str, Any]) -> Iterator[str]:
    """Yields a sentence for each part of a config that is no dict or list, but has to be one."""
    for where, node in walk(cfg):
        for key, value in enumerate(node) if isinstance(node, (list, tuple)) else node.items():
            place = f'{where}.{key}' if where else str(key)
            for kind, (pattern, types) in KINDS.items():
                is_wrong = not isinstance(value, types) and pattern.fullmatch(place)
                if is_wrong and (value is not None or NEVER_NONE.fullmatch(place)):
                    yield f'{place} is {value!r}, expected {kind}'
