"""ViTPose-L, APT-36K val with annotated boxes, 256x192, AdamW with layer decay and UDP.

No figure is published for this recipe.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/apt36k.py',
    '../../../../_base_/models/vitpose_large.py',
    '../../../../_base_/pipelines/topdown_udp_256x192.py',
    '../../../../_base_/schedules/vit_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    head=dict(out_channels=17, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
