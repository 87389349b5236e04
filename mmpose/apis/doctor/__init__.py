"""Finds what is wrong with a dataset before it costs a day of training."""

from mmpose.apis.doctor.check import Diagnosis, check_dataset
from mmpose.apis.doctor.problems import KINDS, Kind, Problem, ProblemLog

__all__ = ['KINDS', 'Diagnosis', 'Kind', 'Problem', 'ProblemLog', 'check_dataset']
