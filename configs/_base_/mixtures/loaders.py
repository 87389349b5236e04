"""Loaders and evaluators of several datasets; a mixture fills in the lists."""
train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='PoseSampler', shuffle=True),
    dataset=dict(type='CombinedDataset', ratios=None, temperature=None, only=None),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='PoseSampler', shuffle=False, round_up=False),
    dataset=dict(type='CombinedDataset', only=None),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='PerDatasetMetric')
test_evaluator = val_evaluator
