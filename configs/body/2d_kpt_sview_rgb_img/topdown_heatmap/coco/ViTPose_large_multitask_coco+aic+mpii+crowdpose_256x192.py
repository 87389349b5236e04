"""ViTPose-L with a head for each of COCO, AIC, MPII and CrowdPose, no experts, 256x192.

Published weights (README of ViTPose, "multi-task"): 79.1 AP on COCO, 34.6 on AIC, 93.9 PCKh on
MPII, 76.6 AP on CrowdPose, 91.5 on OCHuman. Their training config is not public; this is the
recipe of ViTPose+, by the same authors.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/mixtures/coco_aic_mpii_crowdpose_256x192.py',
    '../../../../_base_/models/vitpose_multi_large.py',
    '../../../../_base_/schedules/vit_plus_210e.py',
]

model = dict(
    names=_base_.names,
    metainfo=_base_.metainfo,
    heads=[
        dict(_base_.head, out_channels=num, decoder=codec)
        for num, codec in zip((17, 14, 16, 14), _base_.codecs, strict=True)
    ],
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
