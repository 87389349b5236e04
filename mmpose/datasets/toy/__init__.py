"""Generated datasets in the layouts of real ones, to try everything without downloads."""

from mmpose.datasets.toy.folder import ToySpec
from mmpose.datasets.toy.formats import FORMATS
from mmpose.datasets.toy.generate import ToySummary, generate_toy_dataset

__all__ = ['FORMATS', 'ToySpec', 'ToySummary', 'generate_toy_dataset']
