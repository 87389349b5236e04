"""MPII Human Pose: train on the training part, evaluate PCKh on the validation part.

The windows come from the annotated centres and scales; the head boxes from ``mpii_gt_val.mat``.
"""
_base_ = ['./loaders.py']
metainfo = 'mpii'
dataset_type = 'MpiiDataset'
data_root = 'data/mpii/'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/mpii_train.json',
        data_prefix=dict(img='images/'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/mpii_val.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='MpiiPCKAccuracy')
test_evaluator = val_evaluator
