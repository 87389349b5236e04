"""PGVL-B (v1), CrowdPose test with YOLOv3 boxes, 256x192: 67.8 AP published."""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/crowdpose.py',
    '../../../../_base_/models/pgvl_base.py',
    '../../../../_base_/pipelines/topdown_msra_halfbody6_256x192.py',
    '../../../../_base_/prompts/crowdpose.py',
    '../../../../_base_/schedules/pgvl_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    prompts=_base_.prompts,
    head=dict(out_channels=14, decoder=_base_.codec, deconv_out_channels=(192, 256)),
)
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
