_base_ = ['./vitpose.py']
model = dict(
    backbone=dict(embed_dim=1280, depth=32, num_heads=16, drop_path_rate=0.55),
    head=dict(in_channels=1280),
)
