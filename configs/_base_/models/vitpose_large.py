_base_ = ['./vitpose.py']
model = dict(
    backbone=dict(embed_dim=1024, depth=24, num_heads=16, drop_path_rate=0.5),
    head=dict(in_channels=1024),
)
