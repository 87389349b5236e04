"""Turns what the makers of the datasets publish into the files that the configs name."""

from mmpose.datasets.official.aic import convert_aic
from mmpose.datasets.official.animalpose import convert_animalpose
from mmpose.datasets.official.ap10k import check_ap10k, split_ap10k
from mmpose.datasets.official.apt36k import split_apt36k
from mmpose.datasets.official.mpii import convert_mpii

__all__ = [
    'check_ap10k',
    'convert_aic',
    'convert_animalpose',
    'convert_mpii',
    'split_ap10k',
    'split_apt36k',
]
