_base_ = ['./vitpose.py']
model = dict(
    backbone=dict(embed_dim=384, depth=12, num_heads=12, drop_path_rate=0.1),
    head=dict(in_channels=384),
)
