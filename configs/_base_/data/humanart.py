"""Human-Art: train on training, evaluate on validation with a detector of 56 AP on persons.

The file names in the annotations begin with ``HumanArt/``, hence the data root.
"""
_base_ = ['./loaders.py']
metainfo = 'coco'
dataset_type = 'CocoDataset'
data_root = 'data/'

train_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='HumanArt/annotations/training_humanart.json',
    ),
)
val_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='HumanArt/annotations/validation_humanart.json',
        bbox_file='HumanArt/person_detection_results/HumanArt_validation_detections_AP_H_56_person.json',
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='HumanArtMetric')
test_evaluator = val_evaluator
