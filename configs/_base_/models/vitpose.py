"""ViTPose (Xu et al., NeurIPS 2022): a plain vision transformer and the classic decoder."""
model = dict(
    type='TopdownPoseEstimator',
    pretrained=None,
    flip_test=True,
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='ViT', img_size=(256, 192), patch_size=16, mlp_ratio=4, qkv_bias=True),
    head=dict(
        type='HeatmapHead',
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        final_layer=dict(kernel_size=1),
        loss=dict(type='JointsMSELoss', use_target_weight=True),
    ),
)
