"""A ViT of two blocks behind four convolutions: it learns from scratch, in minutes on a CPU."""
_base_ = ['./vitpose.py']
model = dict(
    backbone=dict(embed_dim=192, depth=2, num_heads=6, drop_path_rate=0.0, stem='conv'),
    head=dict(in_channels=192, deconv_out_channels=(64, 64)),
)
