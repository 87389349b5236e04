"""What tools, apps and notebooks call."""

import os

# Threads that wait for work must sleep, not spin: beside loader workers or other jobs on the same
# cores, spinning made a training step five times slower. OpenMP reads this when torch loads.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

from mmpose.apis.config import load_config
from mmpose.apis.inference import PoseInferencer, inference_topdown, init_model

__all__ = ['PoseInferencer', 'inference_topdown', 'init_model', 'load_config']
