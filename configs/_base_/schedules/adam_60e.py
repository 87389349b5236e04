"""Adam without layer decay, 60 epochs: InterHand2.6M, which has several images of every pose."""
_base_ = ['./adam_210e.py']
train_cfg = dict(max_epochs=60, val_interval=5)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=501, start_factor=0.001, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=60, milestones=[40, 50], gamma=0.1, by_epoch=True),
]
