"""PGVL-B (v2), Animal-Pose val with annotated boxes, 256x256: 79.3 AP published.

The released config contradicts itself; dims and mode are those that fit its head of 768 channels.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/animalpose.py',
    '../../../../_base_/models/pgvl_v2_base.py',
    '../../../../_base_/pipelines/topdown_msra_256x256.py',
    '../../../../_base_/prompts/animalpose.py',
    '../../../../_base_/schedules/pgvl_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    prompts=_base_.prompts,
    backbone=dict(img_size=(256, 256)),
    parse_graph=dict(dims=(512, 256), mode=2),
    head=dict(in_channels=768, out_channels=20, decoder=_base_.codec),
)
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
