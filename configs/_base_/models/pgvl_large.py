"""PGVL-L as first published (v1). Its code was never released, so the widths are inferred."""
_base_ = ['./pgvl.py']
model = dict(
    backbone=dict(embed_dim=1024, depth=24, num_heads=16, drop_path_rate=0.5),
    text_encoder=dict(width=768, out_channels=768),
    parse_graph=dict(type='ParseGraph', variant='fuse', dims=(768, 512, 1024), dim=1024),
    head=dict(in_channels=1024),
)
