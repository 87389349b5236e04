"""HAP: ViT-B on AIC, 384x288: 37.7 AP on AIC val, annotated boxes.

Published by HAP (NeurIPS 2023). Start from its weights: --cfg-options model.pretrained=CHECKPOINT.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/aic.py',
    '../../../../_base_/models/vitpose_base.py',
    '../../../../_base_/pipelines/topdown_msra_384x288.py',
    '../../../../_base_/schedules/adam_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    backbone=dict(img_size=(384, 288)),
    head=dict(out_channels=14, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
