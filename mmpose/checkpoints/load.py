"""Strict loading of checkpoints of any known code base into a model, with a report."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import mmengine.dist
from torch import Tensor, nn

from mmpose.checkpoints.adapters.convnets import fit_branches
from mmpose.checkpoints.adapters.huggingface import check_huggingface_config
from mmpose.checkpoints.adapters.mmpose1x import MMPOSE1X, UNFOLDED, unfold_class_row
from mmpose.checkpoints.adapters.pretrained_vit import DINOV2, PRETRAIN_FORMATS, check_dinov2_heads
from mmpose.checkpoints.adapters.vitpose import fit_condition
from mmpose.checkpoints.adapters.vitpose_plus import fit_experts
from mmpose.checkpoints.adapters.vlpose import fit_model, fit_prompts
from mmpose.checkpoints.compare import explain_difference, require_same
from mmpose.checkpoints.convert import FORMAT_NAMES, convert_state_dict
from mmpose.checkpoints.formats import Converted, StateDict, first_names, split_backbone
from mmpose.checkpoints.heads import fit_heads
from mmpose.checkpoints.io import (
    checkpoint_sha256,
    extract_state_dict,
    read_checkpoint,
    safetensors_metadata,
)
from mmpose.checkpoints.lora import BASE_KEY, fit_adapters, is_adapter_alone, join_base
from mmpose.checkpoints.resize import fit_embeddings

BackboneFit = Callable[[StateDict, nn.Module], tuple[StateDict, Sequence[str]]]
BACKBONE_FITS: list[BackboneFit] = [fit_experts, fit_prompts, fit_branches, fit_condition]
"""What brings weights under our names into the shape of a backbone, with a note on each change."""


@dataclass(frozen=True)
class LoadReport:
    """Report of loading a checkpoint into a model; printing it tells the whole story.

    Attributes:
        file: Path or address of the checkpoint.
        format: Key of FORMAT_NAMES, the code base that the weights come from.
        num_matched: Number of tensors that were loaded.
        dropped: Name in the file -> why it was left out.
        missing: Parameters of the model that the file does not have.
        notes: What was changed on the way, one sentence each.
        sha256: Of the file, in hexadecimal digits; empty in processes that do not log.
    """

    file: str
    format: str
    num_matched: int
    dropped: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sha256: str = ''

    def __str__(self) -> str:
        lines = [f"loaded {self.num_matched} tensors from '{self.file}'"]
        lines.append(f'  format: {FORMAT_NAMES[self.format]}')
        lines += [f'  sha256: {self.sha256}'] if self.sha256 else []
        for why in dict.fromkeys(self.dropped.values()):
            names = [name for name, reason in self.dropped.items() if reason == why]
            lines.append(f'  left out {len(names)} ({why}): {first_names(names, 3)}')
        if self.missing:
            lines.append(f'  kept as initialised: {first_names(self.missing, 3)}')
        lines += [f'  {note}' for note in self.notes]
        return '\n'.join(lines)


def load_backbone(
    backbone: nn.Module,
    path: str | os.PathLike[str],
    trust: bool = False,
    source_hw: tuple[int, int] | None = None,
) -> LoadReport:
    """Loads pre-trained weights, or the backbone of a pose checkpoint, into a backbone.

    Position embedding and patch kernel are fitted to the backbone's sizes. Only what is known to
    belong elsewhere (class token, decoder, classifier, final norm of the pre-training task) is
    left out.

    Args:
        path: File or address, see ``read_checkpoint``.
        source_hw: (h, w) grid of the file's position embedding; None finds it.

    Raises:
        ValueError: If names or shapes of the file do not fit the backbone.
    """
    converted = convert_file(path, trust, getattr(backbone, 'num_heads', None))
    return fill_backbone(backbone, converted, path, source_hw)


def fill_backbone(
    backbone: nn.Module,
    converted: Converted,
    path: str | os.PathLike[str],
    source_hw: tuple[int, int] | None = None,
) -> LoadReport:
    """Loads weights that have been read and converted into a backbone, see ``load_backbone``."""
    is_pretrained = converted.format in PRETRAIN_FORMATS
    state, others = split_backbone(converted.state)
    target = backbone.state_dict()
    with naming(path):
        state, notes = fit_embeddings(state, backbone, is_pretrained, source_hw)
        for fit in BACKBONE_FITS:
            state, changes = fit(state, backbone)
            notes += changes
        state, changes = fit_adapters(state, target)
        notes += changes

    fresh = [x for x in target if x.startswith('last_norm.') and x not in state and is_pretrained]
    wanted = {name: tensor for name, tensor in target.items() if name not in fresh}
    require_same(state, wanted, f"'{path}' ({FORMAT_NAMES[converted.format]})")
    if converted.format == DINOV2.name:
        num_heads, dim = (getattr(backbone, x, None) for x in ('num_heads', 'out_channels'))
        check_dinov2_heads(str(path), num_heads, dim)
    backbone.load_state_dict(state, strict=False)
    return LoadReport(
        file=str(path),
        format=converted.format,
        num_matched=len(state),
        dropped=converted.dropped | dict.fromkeys(others, 'not part of the backbone'),
        missing=tuple(fresh),
        notes=(*converted.notes, *notes),
        sha256=logged_sha256(path),
    )


def load_model(
    model: nn.Module, path: str | os.PathLike[str], trust: bool = False, strict: bool = True
) -> LoadReport:
    """Loads the checkpoint of a whole pose model.

    Args:
        model: Network with ``backbone`` and ``head``, or ``heads`` of several datasets. Of a file
            with several heads a model with one takes the first, or that of the backbone's
            ``default_dataset``.
        path: File or address, see ``read_checkpoint``.
        strict: Every weight of the file must fit the model and the other way round. False loads
            what fits and reports the rest.

    Raises:
        ValueError: If the file is no pose model, or its names or shapes do not fit the model.
    """
    converted = convert_file(path, trust, getattr(model.backbone, 'num_heads', None))
    source = f"'{path}' ({FORMAT_NAMES[converted.format]})"
    if is_adapter_alone(converted.state):
        converted = _with_base(converted, model, path, trust)
    if not any(name.startswith('backbone.') for name in converted.state):
        raise ValueError(
            f'{source} is no pose model, its weights are {first_names(converted.state, 2)}; to '
            'start training from a pre-trained backbone, set model.pretrained'
        )
    if hasattr(model, 'prepare_for'):
        model.prepare_for(converted.state)
    target = model.state_dict()
    with naming(path):
        dataset = getattr(model.backbone, 'default_dataset', None) or 0
        given, idle, notes_on_model = fit_model(converted.state, model)
        given, lora_notes = fit_adapters(given, target)
        fitted, other_heads, head_notes = fit_heads(given, target, dataset)
        inner, others = split_backbone(fitted)
        inner, notes = fit_embeddings(inner, model.backbone)
    state = {f'backbone.{name}': tensor for name, tensor in inner.items()} | others
    if other_heads:
        source += f', head {dataset} of it (tools/model_split.py extracts the others)'

    unfit: list[str] = []
    if strict:
        require_same(state, target, source)
    else:
        unfit = [k for k, x in state.items() if k not in target or x.shape != target[k].shape]
        if len(unfit) == len(state):
            raise ValueError(f'nothing in {source} fits: {explain_difference(state, target)}')
        state = {name: tensor for name, tensor in state.items() if name not in unfit}
    model.load_state_dict(state, strict=False)
    return LoadReport(
        file=str(path),
        format=converted.format,
        num_matched=len(state),
        dropped=converted.dropped
        | idle
        | other_heads
        | dict.fromkeys(unfit, 'does not fit the model'),
        missing=tuple(name for name in target if name not in state),
        notes=(*converted.notes, *lora_notes, *notes, *head_notes, *notes_on_model),
        sha256=logged_sha256(path),
    )


def _with_base(
    converted: Converted, model: nn.Module, path: str | os.PathLike[str], trust: bool
) -> Converted:
    """Returns adapters together with their backbone, which is loaded into the model on the way."""
    pretrained = getattr(model, 'pretrained', None)
    if pretrained is not None:
        load_backbone(model.backbone, pretrained, trust or model.trust_checkpoint)
    with naming(path):
        sha256 = safetensors_metadata(path).get(BASE_KEY)
        state = join_base(converted.state, model.state_dict(), sha256, pretrained)
    note = f'the backbone below the adapters is that of model.pretrained={pretrained!r}'
    return replace(converted, state=state, notes=(*converted.notes, note))


def convert_file(
    path: str | os.PathLike[str], trust: bool = False, num_heads: int | None = None
) -> Converted:
    """Returns the weights of a file or folder under our names.

    Args:
        num_heads: Attention heads of the model to be loaded, which some files tell; None if
            unknown.

    Raises:
        ValueError: If the file is damaged or refused, or belongs to another network.
    """
    return convert_content(read_checkpoint(path, trust), path, num_heads)


def convert_content(
    content: dict[str, Any], path: str | os.PathLike[str], num_heads: int | None = None
) -> Converted:
    """Returns the weights of what was read from a checkpoint, see ``convert_file``.

    Raises:
        ValueError: If they belong to another network; the message names ``path``.
    """
    with naming(path):
        config = content.get('huggingface_config')
        notes = () if config is None else check_huggingface_config(config, num_heads)
        converted = convert_state_dict(extract_state_dict(content))
    state, unfolded = converted.state, (content.get('meta') or {}).get(UNFOLDED)
    if converted.format == MMPOSE1X.name and isinstance(unfolded, Tensor):
        name = 'backbone.pos_embed'
        state = state | {name: unfold_class_row(state[name], unfolded)}
    return replace(converted, state=state, notes=(*converted.notes, *notes))


def logged_sha256(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a checkpoint in the process that logs, and nothing in the others."""
    return checkpoint_sha256(path) if mmengine.dist.is_main_process() else ''


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Puts the file's name before the message of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"'{path}': {error}") from error
