"""InterHand2.6M, every hand on its own: validate on machine annotations of val, test on test."""
_base_ = ['./loaders.py']
metainfo = 'interhand2d'
dataset_type = 'InterHand2DDataset'
data_root = 'data/interhand2.6m/'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/all/InterHand2.6M_train_data.json',
        camera_file='annotations/all/InterHand2.6M_train_camera.json',
        joint_file='annotations/all/InterHand2.6M_train_joint_3d.json',
        data_prefix=dict(img='images/train/'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/machine_annot/InterHand2.6M_val_data.json',
        camera_file='annotations/machine_annot/InterHand2.6M_val_camera.json',
        joint_file='annotations/machine_annot/InterHand2.6M_val_joint_3d.json',
        data_prefix=dict(img='images/val/'),
        test_mode=True,
    ),
)
test_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/all/InterHand2.6M_test_data.json',
        camera_file='annotations/all/InterHand2.6M_test_camera.json',
        joint_file='annotations/all/InterHand2.6M_test_joint_3d.json',
        data_prefix=dict(img='images/test/'),
        test_mode=True,
    ),
)
val_evaluator = [
    dict(type='PCKAccuracy', thr=0.2, norm_item='bbox'),
    dict(type='AUC', norm_factor=30),
    dict(type='EPE'),
]
test_evaluator = val_evaluator
