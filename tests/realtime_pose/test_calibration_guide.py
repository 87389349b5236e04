"""The calibration that docs/realtime/three_d.md describes, on pictures of known cameras."""

import re
from pathlib import Path

import cv2
import numpy as np

from realtime_pose.ik import load_cameras

GUIDE = Path(__file__).parents[2] / 'docs/realtime/three_d.md'
SIZE, MATRIX = (640, 480), np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
MIDDLE = np.array([0.4, 0.25, 0])  # of the board, m; its z axis points down
PLACES = {'left': (-0.3, -0.7, -1.2), 'right': (1.2, -0.6, -1.1)}


def picture(board, place):
    """Returns what a camera sees of a board that it looks at; 1000 px of it are a metre."""
    ahead = (MIDDLE - place) / np.linalg.norm(MIDDLE - place)
    right = np.cross(ahead, [0, 0, -1])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    plane = MATRIX @ np.column_stack([rotation[:, :2], -rotation @ place])
    # The first pixel of the board is half a pixel inside of it.
    to_metres = np.array([[0.001, 0, 0.0005], [0, 0.001, 0.0005], [0, 0, 1]])
    image = cv2.warpPerspective(
        board, plane @ to_metres, SIZE, flags=cv2.INTER_AREA, borderValue=200
    )
    return cv2.GaussianBlur(image, (0, 0), 0.7)


def test_the_guide_finds_the_cameras(tmp_path, monkeypatch):
    code = next(
        x for x in re.findall(r'```python\n(.*?)```', GUIDE.read_text(), re.S) if 'Charuco' in x
    )
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code.partition('\ncameras =')[0], names)
    board = names['BOARD'].generateImage((800, 500))
    rng = np.random.default_rng(0)
    for name, place in PLACES.items():
        (tmp_path / name).mkdir()
        around = [MIDDLE + rng.uniform((-0.7, -0.7, -1.1), (0.7, 0.7, -0.7)) for _ in range(8)]
        for number, where in enumerate([np.array(place), *around]):
            file = tmp_path / name / (f'{number}.png' if number else 'floor.png')
            cv2.imwrite(str(file), picture(board, where))
    exec(code, names)
    for camera in load_cameras('cameras.json'):
        x, y, z = PLACES[camera.name]
        # A fifth of a pixel is half a millimetre, but lens and place make up for each other.
        np.testing.assert_allclose(camera.centre, (x, -z, y), atol=0.01)
        np.testing.assert_allclose(camera.matrix, MATRIX, atol=6)
        assert camera.size_wh == SIZE
