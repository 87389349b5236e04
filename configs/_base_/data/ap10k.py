"""AP-10K, first split: validate on val and test on test with the annotated boxes."""
_base_ = ['./loaders.py']
metainfo = 'ap10k'
dataset_type = 'CocoDataset'
data_root = 'data/ap10k/'

train_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ap10k-train-split1.json',
        data_prefix=dict(img='data/'),
    ),
)
val_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ap10k-val-split1.json',
        data_prefix=dict(img='data/'),
        test_mode=True,
    ),
)
test_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ap10k-test-split1.json',
        data_prefix=dict(img='data/'),
        test_mode=True,
    ),
)
val_evaluator = dict(type='CocoMetric')
test_evaluator = val_evaluator
