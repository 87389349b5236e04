"""ViTPose+-B: one ViT with an expert and a head for each of six datasets, 256x192.

Published (README of ViTPose): 77.0 AP on COCO, 31.8 on AIC, 92.8 PCKh on MPII, 74.5 AP on AP-10K,
75.9 on APT-36K, 57.4 on COCO-WholeBody. Trained on 8 GPUs with 128 crops each.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/mixtures/vitpose_plus_256x192.py',
    '../../../../_base_/models/vitpose_multi_base.py',
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
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
