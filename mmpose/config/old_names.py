"""Names that configs of earlier versions have, and what they are called now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# type of a component -> its name now
TYPES = {
    'BoxToWindow': 'GetBBoxCenterScale',
    'HalfBody': 'RandomHalfBody',
    'MpiiPCKh': 'MpiiPCKAccuracy',
    'PoseCheckpointHook': 'CheckpointHook',
    'PoseVisualizer': 'PoseLocalVisualizer',
    'RandomCenterJitter': 'RandomShiftBboxCenter',
}
# argument of any component -> its name now
ARGUMENTS = {
    'dataset_index': 'dataset_idx',
    'heatmap_wh': 'heatmap_size',
    'input_wh': 'input_size',
    'interval_iters': 'interval, with by_epoch=False',
    'max_keep': 'max_keep_ckpts',
    'torso_joints': 'torso_keypoints',
}
# (type, argument) -> its name now
ARGUMENTS_OF = {
    ('AUC', 'norm'): 'norm_factor',
    ('AUC', 'num_thresholds'): 'num_thrs',
    ('NME', 'item'): "norm_item, with norm_mode='use_norm_item'",
    ('NME', 'joints'): "keypoint_indices, with norm_mode='keypoint_distance'",
    ('PCKAccuracy', 'norm'): 'norm_item',
}


def find_old_names(node: Any, where: str = '') -> Iterator[str]:
    """Yields a sentence for each old name in a config, with the name that it has now.

    Args:
        node: A config or a part of it.
        where: Dotted key of the part.
    """
    if isinstance(node, Mapping):
        kind = str(node.get('type', ''))
        if kind in TYPES:
            yield f"{where or 'the config'} has type='{kind}', which is called {TYPES[kind]} now"
        for key in node:
            new = ARGUMENTS_OF.get((kind, key)) or ARGUMENTS.get(key)
            if new:
                yield f'{where or "the config"} has {key}, which is called {new} now'
    items = node.items() if isinstance(node, Mapping) else enumerate(node)
    for key, value in items:
        if isinstance(value, (Mapping, list, tuple)):
            yield from find_old_names(value, f'{where}.{key}' if where else str(key))
