"""PGVL-L (v1), AP-10K val with annotated boxes, 256x256: 82.2 AP published."""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/ap10k.py',
    '../../../../_base_/models/pgvl_large.py',
    '../../../../_base_/pipelines/topdown_msra_256x256.py',
    '../../../../_base_/prompts/ap10k.py',
    '../../../../_base_/schedules/pgvl_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    prompts=_base_.prompts,
    backbone=dict(img_size=(256, 256)),
    head=dict(out_channels=17, decoder=_base_.codec),
)
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
# the published figures are those of val
test_dataloader = dict(
    dataset=dict(
        pipeline=_base_.val_pipeline, ann_file=_base_.val_dataloader.dataset.ann_file
    )
)
