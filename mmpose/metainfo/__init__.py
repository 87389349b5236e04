"""Skeletons as tables with a row per keypoint and per link, and what keypoint names mean."""

from mmpose.metainfo.reader import available_metainfo, load_metainfo

__all__ = ['available_metainfo', 'load_metainfo']
