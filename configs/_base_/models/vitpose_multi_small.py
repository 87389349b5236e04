"""The ViT of `vitpose_small.py` for several datasets; ``head``: what their heads share."""
from mmengine import Config

model = Config.fromfile('{{ fileDirname }}/vitpose_small.py').model
model.type = 'MultiHeadPoseEstimator'
head = model.pop('head')
del Config
