"""Animal-Pose: train on train, evaluate on val with the annotated boxes."""
_base_ = ['./loaders.py']
metainfo = 'animalpose'
dataset_type = 'CocoDataset'
data_root = 'data/animalpose/'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/animalpose_train.json',
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/animalpose_val.json',
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric')
test_evaluator = val_evaluator
