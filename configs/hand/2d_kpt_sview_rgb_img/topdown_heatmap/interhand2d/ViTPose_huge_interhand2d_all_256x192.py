"""ViTPose-H, InterHand2.6M test, 256x192, published settings: 87.6 AUC.

The figure is that of the ViTPose-H weights in the README of ViTPose, pre-trained on COCO,
AIC, MPII and COCO-WholeBody; it is AUC times 100.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/interhand2d.py',
    '../../../../_base_/models/vitpose_huge.py',
    '../../../../_base_/pipelines/topdown_msra_hand_256x192.py',
    '../../../../_base_/schedules/adam_60e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    backbone=dict(drop_path_rate=0.3),
    head=dict(out_channels=21, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
default_hooks = dict(checkpoint=dict(interval=5))
