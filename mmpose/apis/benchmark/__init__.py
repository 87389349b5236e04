"""Measures the parts of the framework, beside other implementations where they are installed."""

from mmpose.apis.benchmark.codec import benchmark_codec
from mmpose.apis.benchmark.evaluation import benchmark_evaluation
from mmpose.apis.benchmark.forward import benchmark_forward
from mmpose.apis.benchmark.loader import benchmark_loader
from mmpose.apis.benchmark.report import Figure, Report
from mmpose.apis.benchmark.training import benchmark_training

__all__ = [
    'Figure',
    'Report',
    'benchmark_codec',
    'benchmark_evaluation',
    'benchmark_forward',
    'benchmark_loader',
    'benchmark_training',
]
