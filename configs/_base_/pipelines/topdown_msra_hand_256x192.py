"""Classic crops of 192x256 px with Gaussians at the nearest of 48x64 cells, for hands.

Hands have no half body, turn further, and their boxes fit tightly around the joints.
"""
codec = dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.5),
    dict(type='RandomShiftBboxCenter', factor=0.4, prob=0.3),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomBBoxTransform',
        distribution='clipped_normal',
        shift_prob=0,
        scale_factor=0.3,
        rotate_factor=180,
        rotate_prob=0.6,
    ),
    dict(type='TopdownAffine', input_size=codec['input_size']),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.5),
    dict(type='TopdownAffine', input_size=codec['input_size']),
]
