"""Which text stands for which joint."""

from collections.abc import Mapping
from difflib import get_close_matches

from mmpose.structures import DatasetMeta


def keypoint_prompts(
    dataset_meta: DatasetMeta, prompts: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Returns one text per joint, in the order of the skeleton.

    Args:
        dataset_meta: The skeleton.
        prompts: Joint -> text. Another joint is called by its name: 'left_eye' is 'left eye'.

    Raises:
        ValueError: If the skeleton has no such joint.
    """
    prompts = dict(prompts or {})
    for name in prompts:
        if name in dataset_meta.keypoint_names:
            continue
        near = get_close_matches(name, dataset_meta.keypoint_names, n=1)
        hint = (
            f"did you mean '{near[0]}'?"
            if near
            else f'it has {", ".join(dataset_meta.keypoint_names)}'
        )
        raise ValueError(
            f"model.prompts has a text for '{name}', a joint that the skeleton "
            f"'{dataset_meta.name}' does "
            f'not have; {hint}'
        )
    return tuple(prompts.get(name, name.replace('_', ' ')) for name in dataset_meta.keypoint_names)
