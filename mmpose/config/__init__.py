"""Configs: loading with overrides, checks, mixtures of datasets, published names."""

from mmpose.config.load import load_config, read_config

__all__ = ['load_config', 'read_config']
