"""ViTPose-B, InterHand2.6M test, from a model of several datasets, 256x192: 87.0 AUC published.

The figure is that of ViTPose+-B in the README of ViTPose, pre-trained on COCO, AIC, MPII and
COCO-WholeBody; those weights are not public. The settings are those of the published config. The
backbone starts from the whole-body expert of ViTPose+-B, which tools/model_split.py writes:

    python tools/model_split.py --source checkpoints/vitpose+_base.pth
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/interhand2d.py',
    '../../../../_base_/models/vitpose_base.py',
    '../../../../_base_/pipelines/topdown_msra_hand_256x192.py',
    '../../../../_base_/schedules/adam_60e.py',
]

model = dict(
    pretrained='checkpoints/wholebody.pth',
    metainfo=_base_.metainfo,
    head=dict(out_channels=21, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
default_hooks = dict(checkpoint=dict(interval=5))
