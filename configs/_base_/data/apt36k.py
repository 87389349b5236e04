"""APT-36K, first split, with the skeleton of AP-10K: evaluate on val with the annotated boxes."""
_base_ = ['./loaders.py']
metainfo = 'ap10k'
dataset_type = 'CocoDataset'
data_root = 'data/apt36k/'

train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/train_annotations_1.json',
    ),
)
val_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/val_annotations_1.json',
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric')
test_evaluator = val_evaluator
