"""Export of models to other runtimes, checked against PyTorch."""

from mmpose.backends import ExportedBackend, open_exported
from mmpose.export.command import ALL_FORMATS, ExportOptions, run_export
from mmpose.export.export import ExportReport, export_model
from mmpose.export.models import load_source

__all__ = [
    'ALL_FORMATS',
    'ExportOptions',
    'ExportReport',
    'ExportedBackend',
    'export_model',
    'load_source',
    'open_exported',
    'run_export',
]
