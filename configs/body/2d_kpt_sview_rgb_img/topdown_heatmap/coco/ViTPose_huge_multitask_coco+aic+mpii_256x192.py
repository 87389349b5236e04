"""ViTPose-H with a head for each of COCO, AIC and MPII, no experts, 256x192.

Published weights (README of ViTPose, "multi-task"): 79.5 AP on COCO, 35.4 on AIC, 94.1 PCKh on
MPII, 90.9 AP on OCHuman. Their training config is not public; this is the recipe of ViTPose+, by
the same authors.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/mixtures/coco_aic_mpii_256x192.py',
    '../../../../_base_/models/vitpose_multi_huge.py',
    '../../../../_base_/schedules/vit_plus_210e.py',
]

model = dict(
    names=_base_.names,
    metainfo=_base_.metainfo,
    heads=[
        dict(_base_.head, out_channels=num, decoder=codec)
        for num, codec in zip((17, 14, 16), _base_.codecs, strict=True)
    ],
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
