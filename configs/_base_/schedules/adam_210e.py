"""Adam without layer decay, as the published evaluation configs carry it over from CNNs.

The weights that ViTPose released for these datasets come from training on several datasets at
once, not from this; ViTPose+ took AdamW with layer decay for that (`vit_210e.py`).
"""
train_cfg = dict(max_epochs=210, val_interval=10)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=501, start_factor=0.001, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=210, milestones=[170, 200], gamma=0.1, by_epoch=True),
]
auto_scale_lr = dict(enable=False, base_batch_size=512)
