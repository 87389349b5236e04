"""PGVL-B (v2), trained on COCO, OCHuman val with annotated boxes, 256x192: 62.8 AP published."""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/data/ochuman.py',
    '../../../../_base_/models/pgvl_v2_base.py',
    '../../../../_base_/pipelines/topdown_msra_256x192.py',
    '../../../../_base_/prompts/ochuman.py',
    '../../../../_base_/schedules/pgvl_210e.py',
]

model = dict(
    metainfo=_base_.metainfo,
    prompts=_base_.prompts,
    num_contexts=1,  # the texts are long: 13 tokens with start, end and context
    prompt_encoder=dict(num_prompts=16),  # sic: rows of an embedding that is never read
    feature_loss=dict(loss_weight=0.0005),
    head=dict(out_channels=17, decoder=_base_.codec, deconv_out_channels=(192, 256)),
)
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(batch_size=64, dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = dict(batch_size=64, dataset=dict(pipeline=_base_.val_pipeline))
