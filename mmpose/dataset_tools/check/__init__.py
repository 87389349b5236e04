"""Finds what is wrong with a dataset before it costs a day of training."""

from mmpose.dataset_tools.check.dataset_check import Diagnosis, check_dataset
from mmpose.dataset_tools.check.issues import KINDS, Kind, Problem, ProblemLog

__all__ = ['KINDS', 'Diagnosis', 'Kind', 'Problem', 'ProblemLog', 'check_dataset']
