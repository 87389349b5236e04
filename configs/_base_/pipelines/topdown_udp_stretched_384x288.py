"""UDP crops that stretch the square windows of MPII to 288x384 px, with heatmaps of 72x96 cells.

HAP keeps sigma and the kernel of the decoding at the values for 192x256 px.
"""
codec = dict(type='UDPHeatmap', input_size=(288, 384), heatmap_size=(72, 96), sigma=2)

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
