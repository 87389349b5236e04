"""HAP: ViT-B on COCO, 384x288: 77.2 AP on COCO val2017, 56-AP detector.

Published by HAP (NeurIPS 2023). Start from its weights: --cfg-options model.pretrained=CHECKPOINT.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/coco.py',
    '../../../../_base_/models/vitpose_base.py',
    '../../../../_base_/pipelines/topdown_udp_384x288.py',
    '../../../../_base_/schedules/vit_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    backbone=dict(img_size=(384, 288), drop_path_rate=0.29),
    head=dict(out_channels=17, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=2e-4), paramwise_cfg=dict(layer_decay_rate=0.8))
