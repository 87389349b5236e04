"""A small ViT on generated crowds in the layout of CrowdPose, without a condition."""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/crowdpose.py',
    '../../../../_base_/models/vitpose_tiny_conv.py',
    '../../../../_base_/pipelines/topdown_udp_128x96.py',
    '../../../../_base_/schedules/toy_adamw.py',
]

model = dict(
    metainfo=_base_.metainfo,
    backbone=dict(img_size=(128, 96)),
    head=dict(out_channels=14, decoder=_base_.codec),
)
train_dataloader = dict(batch_size=16, num_workers=1, dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(batch_size=64, num_workers=1, dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
