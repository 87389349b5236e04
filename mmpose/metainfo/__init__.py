"""Skeletons as data: one small table per skeleton, a row per keypoint and a row per limb."""

from mmpose.metainfo.reader import available_metainfo, load_metainfo

__all__ = ['available_metainfo', 'load_metainfo']
