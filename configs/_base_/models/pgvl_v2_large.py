"""PGVL-L of the paper (v2): two graphs, whose nodes are guided by those above them."""
_base_ = ['./pgvl.py']
model = dict(
    backbone=dict(embed_dim=1024, depth=24, num_heads=16, drop_path_rate=0.5),
    text_encoder=dict(width=768, out_channels=768),
    parse_graph=dict(type='ParseGraph', variant='guided', dims=(512, 768), dim=768, mode=1),
    head=dict(in_channels=1280),
)
