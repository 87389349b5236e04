"""Visualization: skeletons, heatmap overlays, grids, curves, HTML pages. NumPy, OpenCV; BGR."""

from mmpose.visualization.compare import TruePoses, compare_poses, match_poses, mean_errors
from mmpose.visualization.curves import read_scalars
from mmpose.visualization.draw import draw_pose, draw_results, put_label
from mmpose.visualization.grid import make_grid, side_by_side, training_preview
from mmpose.visualization.heatmap_overlay import overlay_heatmaps
from mmpose.visualization.html_report import HtmlReport
from mmpose.visualization.run_curves import plot_training
from mmpose.visualization.viewport import Viewport

__all__ = [
    'HtmlReport',
    'TruePoses',
    'Viewport',
    'compare_poses',
    'draw_pose',
    'draw_results',
    'make_grid',
    'match_poses',
    'mean_errors',
    'overlay_heatmaps',
    'plot_training',
    'put_label',
    'read_scalars',
    'side_by_side',
    'training_preview',
]
