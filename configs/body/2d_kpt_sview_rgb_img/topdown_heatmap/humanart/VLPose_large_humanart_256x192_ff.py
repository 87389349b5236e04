"""VLPose-L, Human-Art val, 56-AP detector, 256x192, fully tuned.

Tune a ViTPose or VLPose model of COCO: model.pretrained=FILE model.text_encoder.pretrained=BLIP.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/humanart.py',
    '../../../../_base_/models/vlpose_large.py',
    '../../../../_base_/pipelines/topdown_udp_256x192.py',
    '../../../../_base_/schedules/vit_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    backbone=dict(type='ViTPrompt', tuning='ff'),
    head=dict(out_channels=17, decoder=_base_.codec, freeze_main_branch=True),
)
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
