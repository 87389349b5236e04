"""Toy datasets: generated images in the layouts of real datasets, to run without downloads."""

from toy_pose.folder import ToySpec
from toy_pose.formats import FORMATS
from toy_pose.generate import ToySummary, generate_toy_dataset

__all__ = ['FORMATS', 'ToySpec', 'ToySummary', 'generate_toy_dataset']
