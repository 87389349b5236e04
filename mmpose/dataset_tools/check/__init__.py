"""Finds what is wrong with a dataset before it costs a day of training."""

from mmpose.dataset_tools.check.dataset_check import CheckReport, check_dataset
from mmpose.dataset_tools.check.issues import KINDS, Issue, IssueLog, Kind

__all__ = ['KINDS', 'CheckReport', 'Issue', 'IssueLog', 'Kind', 'check_dataset']
