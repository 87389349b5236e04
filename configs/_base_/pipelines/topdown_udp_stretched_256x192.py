"""UDP crops that stretch the square windows of MPII to 192x256 px, with heatmaps of 48x64 cells.

MPII gives a centre and a scale per person, not a box: there is nothing to jitter, and the
published figures hold for windows whose aspect ratio is not mended.
"""
codec = dict(type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomBBoxTransform',
        distribution='clipped_normal',
        shift_prob=0,
        scale_factor=0.5,
        rotate_factor=80,
        rotate_prob=0.6,
    ),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True, fix_aspect=False),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True, fix_aspect=False),
]
