"""COCO-WholeBody 1.0: train on train2017, evaluate on val2017 with the 56-AP person detector."""
_base_ = ['./loaders.py']
metainfo = 'coco_wholebody'
dataset_type = 'CocoWholeBodyDataset'
data_root = 'data/coco/'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/coco_wholebody_train_v1.0.json',
        data_prefix=dict(img='train2017/'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/coco_wholebody_val_v1.0.json',
        data_prefix=dict(img='val2017/'),
        bbox_file='person_detection_results/COCO_val2017_detections_AP_H_56_person.json',
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoWholeBodyMetric')
test_evaluator = val_evaluator
