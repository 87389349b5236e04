_base_ = ['./vitpose.py']
model = dict(
    backbone=dict(
        img_size=(128, 96), embed_dim=192, depth=4, num_heads=6, drop_path_rate=0.0, stem='conv'
    ),
    head=dict(in_channels=192, deconv_channels=(128, 128)),
)
