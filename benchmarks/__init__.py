"""Benchmarks of the framework against other implementations, where these are installed."""

from benchmarks.codec import benchmark_codec
from benchmarks.evaluation import benchmark_evaluation
from benchmarks.forward import benchmark_forward
from benchmarks.loader import benchmark_loader
from benchmarks.report import Measurement, Report
from benchmarks.solving import benchmark_solving
from benchmarks.training import benchmark_training

__all__ = [
    'Measurement',
    'Report',
    'benchmark_codec',
    'benchmark_evaluation',
    'benchmark_forward',
    'benchmark_loader',
    'benchmark_solving',
    'benchmark_training',
]
