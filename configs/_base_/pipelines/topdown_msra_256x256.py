"""Classic square crops of 256 px with Gaussians at the nearest of 64x64 cells."""
codec = dict(type='MSRAHeatmap', input_size=(256, 256), heatmap_size=(64, 64), sigma=2)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomShiftBboxCenter', factor=0.4, prob=0.3),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomHalfBody',
        min_total_keypoints=9,
        min_upper_keypoints=3,
        prob=0.3,
        upper_prioritized_prob=0.6915,
    ),
    dict(
        type='RandomBBoxTransform',
        distribution='clipped_normal',
        shift_prob=0,
        scale_factor=0.5,
        rotate_factor=80,
        rotate_prob=0.6,
    ),
    dict(type='TopdownAffine', input_size=codec['input_size']),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size']),
]
