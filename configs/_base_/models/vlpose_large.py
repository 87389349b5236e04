"""VLPose (arXiv 2402.14456): ViTPose that is told in a sentence what kind of picture it sees."""
_base_ = ['./vitpose_large.py']
model = dict(
    type='VLPoseEstimator',
    prompts='humanart',
    text_encoder=dict(type='BlipTextEncoder', pretrained=None),
    matcher=dict(type='RelationMatcher', num_heads=8, attn_drop=0.1),
    head=dict(type='TwoBranchHead'),
)
