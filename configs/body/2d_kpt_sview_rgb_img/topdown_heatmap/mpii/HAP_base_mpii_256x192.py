"""HAP: ViT-B on MPII, 256x192: 91.8 PCKh on MPII val.

Published by HAP (NeurIPS 2023). Start from its weights: --cfg-options model.pretrained=CHECKPOINT.
The published config has the name of that of ViTPose, which is another recipe.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/mpii.py',
    '../../../../_base_/models/vitpose_base.py',
    '../../../../_base_/pipelines/topdown_udp_stretched_256x192.py',
    '../../../../_base_/schedules/adam_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    head=dict(out_channels=16, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=1e-4))
