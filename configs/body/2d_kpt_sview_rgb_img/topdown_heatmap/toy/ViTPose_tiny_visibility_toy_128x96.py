"""A visibility head on a trained, frozen ViTPose_tiny: give its checkpoint as ``model.pretrained``.

Crops are shifted and scaled, so that keypoints leave them and the head learns what is outside.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/toy.py',
    '../../../../_base_/models/vitpose_tiny_conv.py',
    '../../../../_base_/pipelines/topdown_udp_128x96.py',
    '../../../../_base_/schedules/toy_adamw.py',
]

model = dict(
    metainfo=_base_.metainfo,
    backbone=dict(img_size=(128, 96)),
    head=dict(out_channels=17, decoder=_base_.codec),
    visibility_head=dict(type='VisibilityHead'),
)
train_dataloader = dict(
    dataset=dict(
        with_visibility=True,
        pipeline=[
            dict(type='LoadImage'),
            dict(type='GetBBoxCenterScale', padding=1.25),
            dict(type='RandomFlip', prob=0.5),
            dict(
                type='RandomBBoxTransform',
                shift_factor=0.3,
                scale_factor=(0.7, 1.3),
                rotate_factor=0.0,
            ),
            dict(type='TopdownAffine', input_size=_base_.codec.input_size, use_udp=True),
        ],
    ),
)
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
