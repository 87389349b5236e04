"""People in 3D for Plotly: the rigged humanoid, and the joints it follows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpose.metainfo import load_metainfo
from realtime_pose.communication.message import Person
from realtime_pose.ik.rig import BONE_NAMES
from realtime_pose.model3d.skinned_humanoid import SkinnedHumanoid

if TYPE_CHECKING:
    from plotly.graph_objects import Figure, Mesh3d, Scatter3d

MAX_PEOPLE = 3
SPACING = 1.1  # m between people, whose distance from each other one camera does not show
BONE_COLOR, AREA = '#2f6fd0', (1.0, 2.0)  # half width of the floor and height of the room, m

Array = NDArray[np.float64]


@lru_cache(maxsize=1)
def humanoid() -> SkinnedHumanoid:
    """Returns the mesh, read once."""
    return SkinnedHumanoid()


def figure_of(people: Sequence[Person], skeleton: str, with_skin: bool = True) -> Figure:
    """Returns a view of the first people who have 3D joints, side by side.

    Args:
        people: Of a message.
        skeleton: Of its keypoints.
        with_skin: Whether the humanoid is drawn; otherwise the joints and bones.
    """
    from plotly.graph_objects import Figure

    shown = [person for person in people if person.joints_3d is not None][:MAX_PEOPLE]
    figure = Figure()
    for number, person in enumerate(shown):
        shift = np.array([SPACING * (number - (len(shown) - 1) / 2), 0.0, 0.0])
        if with_skin and person.rotations is not None and person.root is not None:
            figure.add_trace(_skin(person, shift))
        else:
            figure.add_trace(_bones(person, skeleton, shift))
    wide = AREA[0] + SPACING * max(0, len(shown) - 1) / 2
    figure.update_layout(
        scene={
            'xaxis': {'range': [-wide, wide], 'title': 'm'},
            'yaxis': {'range': [-1, 1], 'title': '', 'showticklabels': False},
            'zaxis': {'range': [0, AREA[1]], 'title': ''},
            'aspectmode': 'manual',
            'aspectratio': {'x': wide, 'y': 1, 'z': 1},
            'camera': {'eye': {'x': 0.25, 'y': -1.6, 'z': 0.1}},
            'uirevision': 'kept',  # the view stays as somebody turned it
        },
        margin={'l': 0, 'r': 0, 't': 0, 'b': 0},
        height=380,
        showlegend=False,
        uirevision='kept',
    )
    return figure


def _upright(points: Array) -> tuple[Array, Array, Array]:
    """Returns x, y, z of Plotly, which has z up, so that we see people from the front."""
    return points[..., 0], -points[..., 2], points[..., 1]


def _skin(person: Person, shift: Array) -> Mesh3d:
    from plotly.graph_objects import Mesh3d

    assert person.rotations is not None
    body = humanoid()
    rotations = np.stack([person.rotations[name] for name in BONE_NAMES])
    x, y, z = _upright(np.round(body.points(rotations, np.asarray(person.root)) + shift, 3))
    i, j, k = body.triangles.T
    colors = [f'rgb({r},{g},{b})' for r, g, b in (255 * body.colors).astype(int).tolist()]
    return Mesh3d(
        x=x, y=y, z=z, i=i, j=j, k=k, facecolor=colors, flatshading=False, hoverinfo='skip',
        lighting={'ambient': 0.55, 'diffuse': 0.7, 'specular': 0.1},
    )  # fmt: skip


def _bones(person: Person, skeleton: str, shift: Array) -> Scatter3d:
    from plotly.graph_objects import Scatter3d

    joints = np.asarray(person.joints_3d, np.float64) + shift
    limbs = load_metainfo(skeleton).limbs
    gap = np.full((len(limbs), 1, 3), np.nan)
    lines = np.concatenate([joints[limbs], gap], axis=1).reshape(-1, 3)  # (L, 3, 3) -> (3 L, 3)
    x, y, z = _upright(np.round(lines, 3))
    return Scatter3d(
        x=x, y=y, z=z, mode='lines+markers', hoverinfo='skip',
        line={'width': 6, 'color': BONE_COLOR}, marker={'size': 3, 'color': '#d03a2f'},
    )  # fmt: skip
