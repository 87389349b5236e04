"""The ViT of `vitpose_base.py` for several datasets; ``head``: what their heads share."""
from mmengine import Config

model = Config.fromfile('{{ fileDirname }}/vitpose_base.py').model
model.type = 'MultiHeadPoseEstimator'
head = model.pop('head')
del Config
