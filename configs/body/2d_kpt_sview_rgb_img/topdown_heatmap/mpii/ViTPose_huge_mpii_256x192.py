"""ViTPose-H, MPII val, 256x192, published settings: 94.1 PCKh.

The figure is that of the ViTPose-H weights in the README of ViTPose, trained on COCO, AIC and MPII.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/mpii.py',
    '../../../../_base_/models/vitpose_huge.py',
    '../../../../_base_/pipelines/topdown_udp_stretched_256x192.py',
    '../../../../_base_/schedules/adam_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    backbone=dict(drop_path_rate=0.3),
    head=dict(out_channels=16, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
