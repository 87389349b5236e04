"""AI Challenger keypoints: train on train, evaluate on val with the annotated boxes.

The annotations have no usable area, so OKS takes 0.53 of the box.
"""
_base_ = ['./loaders.py']
metainfo = 'aic'
dataset_type = 'CocoDataset'
data_root = 'data/aic/'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/aic_train.json',
        data_prefix=dict(img='ai_challenger_keypoint_train_20170902/keypoint_train_images_20170902/'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/aic_val.json',
        data_prefix=dict(img='ai_challenger_keypoint_validation_20170911/keypoint_validation_images_20170911/'),
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric', use_area=False)
test_evaluator = val_evaluator
