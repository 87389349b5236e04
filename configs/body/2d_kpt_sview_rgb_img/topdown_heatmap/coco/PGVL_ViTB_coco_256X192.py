"""PGVL-B (v1), COCO val2017 with the 56-AP person detector, 256x192: 74.7 AP published.

The released config of this name was a copy of that for MPII; this one is PGVL-L's with the sizes of B.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/coco.py',
    '../../../../_base_/models/pgvl_base.py',
    '../../../../_base_/pipelines/topdown_msra_halfbody6_256x192.py',
    '../../../../_base_/schedules/pgvl_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    head=dict(out_channels=17, decoder=_base_.codec, deconv_out_channels=(192, 256)),
)
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
