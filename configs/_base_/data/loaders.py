"""Loaders of one dataset, sizes per process; a dataset fills in what to read."""
train_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='PoseSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='PoseSampler', shuffle=False, round_up=False),
)
test_dataloader = val_dataloader
