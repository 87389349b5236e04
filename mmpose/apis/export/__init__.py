"""Models as programs of other runtimes: written, compared with PyTorch, and run again."""

from mmpose.apis.export.backend import ExportedBackend, open_exported

__all__ = ['ExportedBackend', 'open_exported']
