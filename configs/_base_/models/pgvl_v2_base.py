"""PGVL-B of the paper (v2): one graph, whose nodes are guided by those above them."""
_base_ = ['./pgvl.py']
model = dict(
    backbone=dict(embed_dim=768, depth=12, num_heads=12, drop_path_rate=0.3),
    text_encoder=dict(width=512, out_channels=512),
    parse_graph=dict(type='ParseGraph', variant='guided', dims=(512,), dim=512, mode=3),
    head=dict(in_channels=512),
)
