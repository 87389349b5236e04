"""ViTPose-S, AIC val with annotated boxes, 256x192, published settings: 29.7 AP.

The figure is that of the ViTPose+-S weights in the README of ViTPose.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/aic.py',
    '../../../../_base_/models/vitpose_small.py',
    '../../../../_base_/pipelines/topdown_msra_256x192.py',
    '../../../../_base_/schedules/adam_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    backbone=dict(drop_path_rate=0.3),
    head=dict(out_channels=14, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
