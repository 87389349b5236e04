"""ViTPose-B told by boxes whom it means, CrowdPose test with YOLOv3 boxes, 256x192, AdamW and UDP.

Nothing is published for this recipe, and it has not been trained here; docs/crowds.md measures the
idea on generated crowds.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/crowdpose.py',
    '../../../../_base_/models/vitpose_base.py',
    '../../../../_base_/pipelines/topdown_udp_halfbody6_256x192.py',
    '../../../../_base_/schedules/vit_210e.py',
]

train_pipeline = [*_base_.train_pipeline, dict(type='AddCondition', jitter=0.03)]
val_pipeline = [*_base_.val_pipeline, dict(type='AddCondition')]
model = dict(
    metainfo=_base_.metainfo,
    backbone=dict(condition_chans=2),
    head=dict(out_channels=14, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
