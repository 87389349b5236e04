"""ViTPose+-L: one ViT with an expert and a head for each of six datasets, 256x192.

Published (README of ViTPose): 78.6 AP on COCO, 34.3 on AIC, 94.0 PCKh on MPII, 80.4 AP on AP-10K,
80.8 on APT-36K, 60.6 on COCO-WholeBody. Trained on 8 GPUs with 128 crops each.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/mixtures/vitpose_plus_256x192.py',
    '../../../../_base_/models/vitpose_multi_large.py',
    '../../../../_base_/schedules/vit_plus_210e.py',
]

model = dict(
    names=_base_.names,
    metainfo=_base_.metainfo,
    backbone=dict(type='ViTMoE', num_expert=6),
    heads=[
        dict(_base_.head, out_channels=num, decoder=codec)
        for num, codec in zip((17, 14, 16, 17, 17, 133), _base_.codecs, strict=True)
    ],
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
