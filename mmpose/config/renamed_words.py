"""Table of renamed words in configs: whoever writes an old one is told the new one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmpose.config.merge import walk

# class -> its name now
TYPES = {
    'BoxToWindow': 'GetBBoxCenterScale', 'HalfBody': 'RandomHalfBody',
    'MpiiPCKh': 'MpiiPCKAccuracy', 'PoseCheckpointHook': 'CheckpointHook',
    'PoseVisualizer': 'PoseLocalVisualizer', 'RandomCenterJitter': 'RandomShiftBboxCenter',
    'RandomScaleRotation': "RandomBBoxTransform, with distribution='clipped_normal', shift_prob=0 "
    'and twice the angle as rotate_factor',
}  # fmt: skip
# argument of any part -> its name now
ARGUMENTS = {
    'dataset_index': 'dataset_idx', 'deconv_channels': 'deconv_out_channels',
    'deconv_kernels': 'deconv_kernel_sizes',
    'final_kernel': 'final_layer, a dict(kernel_size=...)', 'heatmap_wh': 'heatmap_size',
    'input_wh': 'input_size', 'interval_iters': 'interval, with by_epoch=False',
    'max_keep': 'max_keep_ckpts', 'out_index': 'out_indices', 'torso_joints': 'torso_keypoints',
}  # fmt: skip
# (class, argument) -> its name now; the class 'head' is that of any head
ARGUMENTS_OF = {
    ('AUC', 'norm'): 'norm_factor', ('AUC', 'num_thresholds'): 'num_thrs',
    ('NME', 'item'): "norm_item, with norm_mode='use_norm_item'",
    ('NME', 'joints'): "keypoint_indices, with norm_mode='keypoint_distance'",
    ('PCKAccuracy', 'norm'): 'norm_item',
    ('RandomBBoxTransform', 'rotation_factor'): 'rotate_factor, which is twice as much',
    ('RandomBBoxTransform', 'rotation_prob'): 'rotate_prob',
    ('RandomHalfBody', 'min_visible'): 'min_total_keypoints, which is one more',
    ('RandomHalfBody', 'upper_prob'): 'upper_prioritized_prob',
    ('TopdownAffine', 'aligned'): 'use_udp', ('head', 'codec'): 'decoder',
}  # fmt: skip
HEAD = re.compile(r'model\.heads?(\.\d+)?')


def find_renamed(cfg: Any) -> Iterator[str]:
    """Yields a sentence for each old word of a whole config, composed and overridden."""
    for where, part in walk(cfg):
        if not isinstance(part, Mapping):
            continue
        kind = str(part.get('type', ''))
        if kind in TYPES:
            yield f"type '{kind}' of {where} is now called {TYPES[kind]}"
        if HEAD.fullmatch(where):
            kind = 'head'
        for key in map(str, part):
            new = ARGUMENTS_OF.get((kind, key)) or ARGUMENTS.get(key)
            if new:
                yield f'{where}.{key} is now called {new}'.removeprefix('.')
