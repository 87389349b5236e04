"""OCHuman: train on COCO train2017, validate on val and test on test with the annotated boxes."""
_base_ = ['./loaders.py']
metainfo = 'coco'
dataset_type = 'CocoDataset'
data_root = 'data/ochuman/'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root='data/coco/',
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ochuman_coco_format_val_range_0.00_1.00.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
    ),
)
test_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ochuman_coco_format_test_range_0.00_1.00.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
    ),
)
val_evaluator = dict(type='CocoMetric')
test_evaluator = val_evaluator
