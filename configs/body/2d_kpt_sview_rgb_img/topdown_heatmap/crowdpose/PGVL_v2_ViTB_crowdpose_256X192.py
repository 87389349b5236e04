"""PGVL-B (v2), CrowdPose test with YOLOv3 boxes, 256x192: 68.2 AP published."""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/crowdpose.py',
    '../../../../_base_/models/pgvl_v2_base.py',
    '../../../../_base_/pipelines/topdown_msra_halfbody6_256x192.py',
    '../../../../_base_/prompts/crowdpose_upper.py',
    '../../../../_base_/schedules/pgvl_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    prompts=_base_.prompts,
    parse_graph=dict(mode=5),
    feature_loss=dict(loss_weight=0.0005),
    head=dict(out_channels=14, decoder=_base_.codec, deconv_out_channels=(192, 256)),
)
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(batch_size=64, dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
