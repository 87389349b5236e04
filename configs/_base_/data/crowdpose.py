"""CrowdPose: train on trainval, evaluate on test with the boxes of a YOLOv3 detector."""
_base_ = ['./loaders.py']
metainfo = 'crowdpose'
dataset_type = 'CocoDataset'
data_root = 'data/crowdpose/'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/mmpose_crowdpose_trainval.json',
        data_prefix=dict(img='images/'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/mmpose_crowdpose_test.json',
        data_prefix=dict(img='images/'),
        bbox_file='annotations/det_for_crowd_test_0.1_0.5.json',
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CrowdPoseMetric')
test_evaluator = val_evaluator
