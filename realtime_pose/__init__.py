"""Live pose: messages, 3D joints, joint rotations and a rigged figure on top of ``mmpose``."""
