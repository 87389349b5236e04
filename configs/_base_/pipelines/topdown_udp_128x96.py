"""UDP crops of 96x128 px with heatmaps of 24x32 cells, for generated people.

Flips are the only augmentation: where data can be generated, more of it beats more augmentation.
"""
codec = dict(
    type='UDPHeatmap', input_wh=(96, 128), heatmap_wh=(24, 32), sigma=1.5, blur_kernel_size=5
)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='BoxToWindow', padding=1.25),
    dict(type='RandomFlip', prob=0.5),
    dict(type='TopdownAffine', input_wh=codec['input_wh'], use_udp=True),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='BoxToWindow', padding=1.25),
    dict(type='TopdownAffine', input_wh=codec['input_wh'], use_udp=True),
]
