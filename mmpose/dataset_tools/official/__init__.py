"""Converters from official dataset releases to the files that the configs name."""

from mmpose.dataset_tools.official.aic import convert_aic
from mmpose.dataset_tools.official.animalpose import convert_animalpose
from mmpose.dataset_tools.official.ap10k import check_ap10k, split_ap10k
from mmpose.dataset_tools.official.apt36k import split_apt36k
from mmpose.dataset_tools.official.mpii import convert_mpii

__all__ = [
    'check_ap10k', 'convert_aic', 'convert_animalpose', 'convert_mpii', 'split_ap10k',
    'split_apt36k',
]  # fmt: skip
