"""PGVL-B as first published (v1): three graphs, whose nodes fuse by linear layers."""
_base_ = ['./pgvl.py']
model = dict(
    backbone=dict(embed_dim=768, depth=12, num_heads=12, drop_path_rate=0.3),
    text_encoder=dict(width=512, out_channels=512),
    parse_graph=dict(type='ParseGraph', variant='fuse', dims=(768, 512, 1024), dim=768),
    head=dict(in_channels=768),
)
