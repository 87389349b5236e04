"""PGVL: AdamW, 210 epochs, a tenth of the rate for the backbone, no decay of most norms.

The keywords act as published: the longest that a name holds, so the norms of the backbone decay,
and those of CLIP blocks ('ln_1'), biases and batch norms as well. How many GPUs shared the batch is
not known, so there is no rule for scaling the rate.
"""
train_cfg = dict(max_epochs=210, val_interval=10)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, betas=(0.9, 0.999), weight_decay=1e-4),
    constructor='KeywordOptimWrapperConstructor',
    paramwise_cfg=dict(
        custom_keys=dict(backbone=dict(lr_mult=0.1), norm=dict(decay_mult=0.0))
    ),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=501, start_factor=0.001, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=210, milestones=[170, 200], gamma=0.1, by_epoch=True),
]
