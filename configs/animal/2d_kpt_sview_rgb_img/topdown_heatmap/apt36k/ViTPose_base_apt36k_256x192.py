"""ViTPose-B, APT-36K val with annotated boxes, 256x192, published settings: 75.9 AP.

The figure is that of the ViTPose+-B weights in the README of ViTPose.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/apt36k.py',
    '../../../../_base_/models/vitpose_base.py',
    '../../../../_base_/pipelines/topdown_msra_256x192.py',
    '../../../../_base_/schedules/adam_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    head=dict(out_channels=17, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
