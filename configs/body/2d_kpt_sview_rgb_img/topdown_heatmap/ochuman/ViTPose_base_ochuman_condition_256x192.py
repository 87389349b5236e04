"""ViTPose-B that is told whom it means, OCHuman test with annotated boxes, 256x192, AdamW and UDP.

Trained with the masks of COCO in one half of the samples and with boxes in the other, tested with
boxes; test_dataloader.dataset.pipeline.3.kind=mask tests with masks. Nothing is published for this
recipe, and it has not been trained here; docs/crowds.md measures the idea on generated crowds.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/ochuman.py',
    '../../../../_base_/models/vitpose_base.py',
    '../../../../_base_/pipelines/topdown_udp_256x192.py',
    '../../../../_base_/schedules/vit_210e.py',
]

train_pipeline = [
    *_base_.train_pipeline,
    dict(type='AddCondition', kind='mask', bbox_prob=0.5, jitter=0.03),
]
val_pipeline = [*_base_.val_pipeline, dict(type='AddCondition')]
model = dict(
    metainfo=_base_.metainfo,
    backbone=dict(condition_chans=2),
    head=dict(out_channels=17, decoder=_base_.codec),
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
