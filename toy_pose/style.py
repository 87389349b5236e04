"""What kind of picture is drawn: its size, how many people are on it and how they stand."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SceneStyle:
    """Shares and ranges from which a scene is drawn; the defaults are format 'coco'.

    Attributes:
        sizes_wh: Image sizes, px; at most 640, the size of the noise.
        size_shares: How often each size is drawn.
        person_shares: Of images with 1, 2, ... people wanted.
        height_share: Body height of a scene, range in image heights.
        height_px: Smallest and largest body height, px.
        truncated_share: Of persons, pushed over the image border.
        crowded_share: Of persons that may overlap others a good deal.
        overlaps: Largest shared part of two boxes, usually and in a crowd.
        huddle: Distance of everybody from the first person, range in body heights; None for
            anywhere.
        occluder_share: Of persons with something in front.
        has_details: Whether faces have 68 landmarks and hands have fingers.
    """

    sizes_wh: tuple[tuple[int, int], ...] = (
        *((320, 240), (288, 216), (256, 192)),
        *((320, 214), (240, 320), (216, 288)),
    )
    size_shares: tuple[float, ...] = (0.32, 0.14, 0.14, 0.14, 0.16, 0.10)
    person_shares: tuple[float, ...] = (0.20, 0.36, 0.30, 0.14)
    height_share: tuple[float, float] = (0.45, 0.92)
    height_px: tuple[float, float] = (90.0, 230.0)
    truncated_share: float = 0.1
    crowded_share: float = 0.2
    overlaps: tuple[float, float] = (0.05, 0.4)
    huddle: tuple[float, float] | None = None
    occluder_share: float = 0.06
    has_details: bool = False


DEFAULT_STYLE = SceneStyle()
