"""PGVL-B (v1), Animal-Pose val with annotated boxes, 256x256: 79.0 AP published."""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/animalpose.py',
    '../../../../_base_/models/pgvl_base.py',
    '../../../../_base_/pipelines/topdown_msra_256x256.py',
    '../../../../_base_/prompts/animalpose.py',
    '../../../../_base_/schedules/pgvl_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    prompts=_base_.prompts,
    backbone=dict(img_size=(256, 256)),
    parse_graph=dict(project_all=True),
    head=dict(out_channels=20, decoder=_base_.codec),
)
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
