"""PGVL: names of joints, read by CLIP, refine the tokens of a ViT (arXiv 2509.07385)."""
_base_ = ['./vitpose.py']
model = dict(
    type='PGVLPoseEstimator',
    backbone=dict(norm_eps=1e-5),
    # the text encoder is frozen; start it from OpenAI's CLIP (docs/pgvl.md)
    text_encoder=dict(
        type='CLIPTextEncoder', layers=12, heads=8, context_length=13, pretrained=None
    ),
    num_contexts=8,
    prompt_encoder=dict(type='PromptEncoder', layers=1, heads=8),
    feature_loss=dict(type='ContrastiveFeatureLoss', loss_weight=0.001),
)
