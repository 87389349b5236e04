"""AP-10K, first split: validate on val and test on test with the annotated boxes."""
metainfo = 'ap10k'
dataset_type = 'CocoDataset'
data_root = 'data/ap10k/'

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='PoseSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ap10k-train-split1.json',
        img_prefix='data/',
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='PoseSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ap10k-val-split1.json',
        img_prefix='data/',
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='PoseSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ap10k-test-split1.json',
        img_prefix='data/',
        test_mode=True,
    ),
)
val_evaluator = dict(type='CocoMetric')
test_evaluator = val_evaluator
