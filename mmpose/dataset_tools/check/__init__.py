"""Dataset check: issues of annotations, images, splits and skeletons, found before training."""

from mmpose.dataset_tools.check.dataset_check import CheckReport, check_dataset
from mmpose.dataset_tools.check.issues import KINDS, Issue, IssueLog, Kind

__all__ = ['KINDS', 'CheckReport', 'Issue', 'IssueLog', 'Kind', 'check_dataset']
