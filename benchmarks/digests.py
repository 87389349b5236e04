"""Prints a digest of every number that the packages compute, to see that a change changes none.

    python benchmarks/digests.py --out before.json
    ... (move, rename, rewrite)
    python benchmarks/digests.py --compare before.json

Generated data, training, evaluation, export and conversion go through the commands in ``tools/``
and the files that they write; the rest is in ``digest_models.py``. Digests are equal for equal
machine and packages only: floats are taken with all their bits. Everything runs on one thread.
Names that may be renamed (of metrics) have digests of their own, apart from the values.
"""

from __future__ import annotations

import os

os.environ['OMP_NUM_THREADS'] = '1'  # before torch is loaded
os.environ['CUDA_VISIBLE_DEVICES'] = ''

import argparse
import fcntl
import fnmatch
import hashlib
import io
import json
import multiprocessing
import runpy
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:1] = [str(ROOT)]  # instead of the folder of this file

from benchmarks import digest_models as models  # noqa: E402  (found by the path above)

Digests = dict[str, str]

# format of generated data: folder below the data root, annotations that are evaluated
FORMATS = {
    'coco': ('toy', 'annotations/person_keypoints_val2017.json'),
    'coco_wholebody': ('coco', 'annotations/coco_wholebody_val_v1.0.json'),
    'aic': ('aic', 'annotations/aic_val.json'),
    'mpii': ('mpii', 'annotations/mpii_val.json'),
    'crowdpose': ('crowdpose', 'annotations/mmpose_crowdpose_test.json'),
    'ochuman': ('ochuman', 'annotations/ochuman_coco_format_val_range_0.00_1.00.json'),
    'humanart': ('HumanArt', 'annotations/validation_humanart.json'),
    'ap10k': ('ap10k', 'annotations/ap10k-val-split1.json'),
    'apt36k': ('apt36k', 'annotations/val_annotations_1.json'),
    'animalpose': ('animalpose', 'annotations/animalpose_val.json'),
    'interhand2d': ('interhand2.6m', 'annotations/all/InterHand2.6M_test_data.json'),
}
NUM_TRAIN, NUM_VAL, SEED = 12, 6, 3
LEAVES_A_PROCESS = 12
# data sets without a generator, by their number of keypoints, evaluated on random annotations
RANDOM_SETS = {'wflw': 98, 'h36m': 17, 'jhmdb': 15, 'freihand': 21, 'macaque': 17, 'halpe': 136}

TOY_LEAF = 'ViTPose_tiny_toy_128x96'
# format: leaf that is trained for two iterations and evaluated
METRIC_LEAVES = {
    'coco': 'ViTPose_small_coco_256x192',
    'mpii': 'ViTPose_small_mpii_256x192',
    'coco_wholebody': 'ViTPose_small_wholebody_256x192',
    'interhand2d': 'ViTPose_small_interhand2d_all_256x192',
    'ap10k': 'ViTPose_small_ap10k_256x192',
    'crowdpose': 'ViTPose_base_crowdpose_256x192',
    'humanart': 'ViTPose_small_humanart_256x192',
}
CONVERTED_LEAF = 'ViTPose_base_coco_256x192'  # with a head of full width, as other code has it
MIXTURE_LEAF = 'ViTPose_base_multitask_coco+aic+mpii_256x192'
LOG_ALL = ('default_hooks.logger.interval=1', 'log_processor.window_size=1')
NO_WORKERS = tuple(
    f'{phase}_dataloader.{option}'
    for phase in ('train', 'val', 'test')
    for option in ('num_workers=0', 'persistent_workers=False')
)
TOY_OPTIONS = (
    *LOG_ALL,
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'default_hooks.preview.interval=0',
    'train_cfg.max_epochs=5',
    'train_cfg.val_interval=5',
    'optim_wrapper.optimizer.lr=0.02',
)
NETWORK_OPTIONS = (
    'model.backbone.embed_dim=24',
    'model.backbone.depth=1',
    'model.backbone.num_heads=2',
)
HEAD_OPTIONS = ('in_channels=24', 'deconv_out_channels=(8,8)')
TRAIN_OPTIONS = (
    *LOG_ALL,
    'default_hooks.preview.interval=0',
    'train_cfg.max_epochs=1',
    'train_cfg.val_interval=1',
    'train_dataloader.batch_size=4',
)
# what is measured rather than computed
CLOCKS = ('time', 'images_per_s', 'data_wait', 'memory', 'eta')
METRICS_FILE = 'metrics.json'  # of tools/test.py
DIALECTS = ('vitpose', 'mmpose1x', 'huggingface', 'safetensors')
OWN_DIALECT = 'ours'


def feed(digest: Any, value: Any) -> None:
    """Adds a nested value to a digest, floats with all their bits."""
    if hasattr(value, 'detach'):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and value.dtype != object:
        digest.update(f'{value.dtype.str}{value.shape}'.encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, bytes):
        digest.update(b'b%d:' % len(value) + value)
    elif isinstance(value, Mapping):
        feed(digest, [list(value), list(value.values())])
    elif isinstance(value, (list, tuple, np.ndarray)):
        digest.update(b'[%d:' % len(value))
        for item in value:
            feed(digest, item)
    else:
        assert value is None or isinstance(value, (str, bool, int, float)), type(value)
        digest.update(f'{type(value).__name__}:{value!r};'.encode())


def digest_of(value: Any) -> str:
    """Returns the first 16 digits of the SHA-256 of a nested value."""
    digest = hashlib.sha256()
    feed(digest, value)
    return digest.hexdigest()[:16]


def sorted_json(path: Path) -> Any:
    """Returns the content of a JSON file, with sorted keys."""
    return json.dumps(json.loads(path.read_text()), sort_keys=True)


class Workspace:
    """A folder in which the sections find what other sections need, made once.

    Args:
        folder: An existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / 'data'

    def run(self, *words: Any) -> None:
        """Runs a script of the repository, in a fork that has the large packages loaded already.

        Raises:
            RuntimeError: If it fails; the message ends with what it printed last.
        """
        script, *arguments = map(str, words)
        with tempfile.TemporaryFile('w+') as printed:
            child = os.fork()
            if not child:
                os._exit(run_script(ROOT / script, arguments, printed.fileno()))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if code:
                printed.seek(0)
                raise RuntimeError(f'{" ".join([script, *arguments])}\n{printed.read()[-4000:]}')

    def once(self, name: str, make: Callable[[Path], None]) -> Path:
        """Returns a folder that ``make`` fills on the first call of all processes."""
        folder, mark = self.folder / name, self.folder / 'made' / name.replace('/', '+')
        mark.parent.mkdir(exist_ok=True)
        with open(f'{mark}.lock', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not mark.exists():
                make(folder)
                mark.touch()
        return folder

    def toy(self, name: str) -> Path:
        """Returns the folder of a generated data set."""

        def make(folder: Path) -> None:
            counts = ('--num-train', NUM_TRAIN, '--num-val', NUM_VAL, '--seed', SEED)
            self.run(
                'tools/make_toy_dataset.py', '--format', name, '--out', folder, '--workers', 1,
                *counts,
            )  # fmt: skip

        return self.once(f'data/{FORMATS[name][0]}', make)

    def all_toys(self) -> None:
        """Makes the data of every format."""
        for name in FORMATS:
            self.toy(name)

    def train(self, leaf: str, options: tuple[str, ...], *flags: str) -> Path:
        """Returns the work dir of a training run."""

        def make(folder: Path) -> None:
            self.run(
                'tools/train.py', leaf_path(leaf), '--data-root', self.data, '--work-dir', folder,
                '--seed', SEED, *flags, '--cfg-options', *options,
            )  # fmt: skip

        return self.once(f'train_{leaf}', make)

    def trained_toy(self) -> Path:
        """Returns the work dir of the toy config."""
        self.toy('coco')
        return self.train(TOY_LEAF, TOY_OPTIONS)

    def trained(self, leaf: str) -> Path:
        """Returns the work dir of a shrunk leaf."""
        heads = models.head_configs(models.load(leaf_path(leaf)))
        return self.train(leaf, (*small_options(heads), *TRAIN_OPTIONS), '--no-validate')

    def test(self, leaf: str, work_dir: Path, options: tuple[str, ...]) -> Path:
        """Returns the folder with the figures and results of ``tools/test.py``."""

        def make(folder: Path) -> None:
            self.run(
                'tools/test.py', leaf_path(leaf), last_checkpoint(work_dir), '--data-root',
                self.data, '--work-dir', folder, '--dump', folder / 'dump.npz', '--cfg-options',
                *options,
            )  # fmt: skip

        return self.once(f'test_{leaf}', make)


def run_script(path: Path, arguments: list[str], output: int) -> int:
    """Runs a script in this process, with its output in a file, and returns its exit code."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = sys.stderr = io.TextIOWrapper(io.FileIO(output, 'w', closefd=False))
    os.chdir(ROOT)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.parent))
    code = 0
    try:
        runpy.run_path(str(path), run_name='__main__')
    except SystemExit as error:
        code = int(bool(error.code))
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def leaf_path(stem: str) -> Path:
    """Returns the path of a leaf config."""
    return models.leaf_paths()[stem]


def small_options(heads: Iterable[str], of_head: Iterable[str] = HEAD_OPTIONS) -> tuple[str, ...]:
    """Returns overrides that make the network of a leaf tiny."""
    of_heads = (f'model.{head}.{option}' for head in heads for option in of_head)
    return (*NETWORK_OPTIONS, *of_heads, *NO_WORKERS)


def last_checkpoint(work_dir: Path) -> Path:
    """Returns the checkpoint at the end of a run."""
    return work_dir / (work_dir / 'last_checkpoint').read_text().strip()


def read_weights(path: Path) -> dict[str, Any]:
    """Returns the tensors of a file or folder."""
    if path.is_dir():
        path = next(path.glob('*.safetensors'))
    if path.suffix == '.safetensors':
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    return torch.load(path, map_location='cpu', weights_only=True)['state_dict']


def log_values(work_dir: Path) -> tuple[list[Any], list[Any]]:
    """Returns the sorted figures of each training iteration and of each validation."""
    (file,) = work_dir.glob('*/vis_data/scalars.json')
    train, val = [], []
    for line in file.read_text().splitlines():
        record = json.loads(line)
        values = sorted(
            value for key, value in record.items() if not any(word in key for word in CLOCKS)
        )
        (train if 'lr' in record else val).append(values)
    return train, val


def state_digests(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields names and shapes, and the bytes of tensors by name."""
    yield 'keys', sorted((name, tuple(tensor.shape)) for name, tensor in state.items())
    yield 'weights', sorted(state.items())


def figures(path: Path) -> Iterator[tuple[str, Any]]:
    """Yields the values of figures, sorted, and their names."""
    content = json.loads(path.read_text())
    yield 'values', sorted(float(value) for value in content.values())
    yield 'names', list(content)


def results_of(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yields what is in the files that ``tools/test.py`` writes."""
    yield from figures(folder / METRICS_FILE)
    files = sorted(folder.rglob('*.json'))
    files = [x for x in files if x.name != METRICS_FILE and 'vis_data' not in x.parts]
    files = [x for x in files if x.stem != x.parent.name]  # the log
    yield 'results', [(str(x.relative_to(folder)), sorted_json(x)) for x in files]
    for file in sorted(folder.rglob('*.npz')):
        arrays = np.load(file, allow_pickle=False)
        yield f'{file.stem}_values', sorted(digest_of(arrays[name]) for name in arrays.files)
        yield f'{file.stem}_names', sorted(arrays.files)


def toy(work: Workspace, name: str) -> models.Values:
    """Every file of a generated data set but its README."""
    folder = work.toy(name)
    files = sorted(x for x in folder.rglob('*') if x.is_file() and x.suffix != '.txt')
    for kind, is_kind in (('annotations', True), ('images', False)):
        yield (
            kind,
            [
                (
                    str(x.relative_to(folder)),
                    sorted_json(x) if x.suffix == '.json' else x.read_bytes(),
                )
                for x in files
                if (x.suffix in ('.json', '.mat')) == is_kind
            ],
        )


def train(work: Workspace, _: str) -> models.Values:
    """A training run of the toy config."""
    import torch

    folder = work.trained_toy()
    losses, val = log_values(folder)
    assert len(losses) >= 30, f'{len(losses)} iterations'
    yield 'loss', losses
    yield 'val', val
    content = torch.load(last_checkpoint(folder), map_location='cpu', weights_only=True)
    yield from state_digests(content['state_dict'])
    optimizer = content['optimizer']
    yield (
        'groups',
        [
            (group['lr'], group['weight_decay'], group['betas'], group['params'])
            for group in optimizer['param_groups']
        ],
    )
    yield 'optimizer', [(key, sorted(x.items())) for key, x in optimizer['state'].items()]


def test(work: Workspace, _: str) -> models.Values:
    """An evaluation of that run."""
    folder = work.trained_toy()
    yield from results_of(work.test(TOY_LEAF, folder, ('val_dataloader.num_workers=0',)))


def export(work: Workspace, name: str) -> models.Values:
    """What an ONNX program of that run gives for a fixed input, rounded."""
    import onnxruntime

    folder = work.trained_toy()
    target = folder.parent / f'{name}.onnx'
    flags = ('--decode-in-graph', '--flip-test') if name == 'decoded' else ()
    checkpoint = last_checkpoint(folder)
    work.run('tools/export.py', leaf_path(TOY_LEAF), checkpoint, '--out', target, *flags)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(target), options)
    image = np.random.default_rng(0).normal(size=(1, 3, 128, 96)).astype(np.float32)
    outputs = session.run(None, {session.get_inputs()[0].name: image})
    yield 'onnx', [np.round(x.astype(np.float64), 5) + 0.0 for x in outputs]


def convert(work: Workspace, dialect: str) -> models.Values:
    """Weights in the names of another code base, and what comes back."""
    work.toy('coco_wholebody')
    options = (*small_options(['head'], HEAD_OPTIONS[:1]), *TRAIN_OPTIONS)
    folder = work.train(CONVERTED_LEAF, options, '--no-validate')
    suffix = {'huggingface': '', 'safetensors': '.safetensors'}.get(dialect, '.pth')
    there = work.folder / 'converted' / f'{dialect}{suffix}'
    back = there.parent / f'{dialect}_back.pth'
    command = ('tools/convert_checkpoint.py', '--config', folder / 'config.py')
    work.run(*command, last_checkpoint(folder), there, '--to', dialect)
    work.run(*command, there, back, '--to', OWN_DIALECT)
    yield from state_digests(read_weights(there))
    if there.is_dir():
        yield 'files', [(x.name, sorted_json(x)) for x in sorted(there.glob('*.json'))]
    for name, value in state_digests(read_weights(back)):
        yield f'back_{name}', value


def metric(work: Workspace, name: str) -> models.Values:
    """Two iterations and an evaluation of a tiny network on the data of another format."""
    leaf = METRIC_LEAVES.get(name, MIXTURE_LEAF)
    work.all_toys()
    folder = work.trained(leaf)
    yield 'loss', log_values(folder)[0]
    yield from state_digests(read_weights(last_checkpoint(folder)))
    heads = models.head_configs(models.load(leaf_path(leaf)))
    yield from results_of(work.test(leaf, folder, small_options(heads)))


def evaluate(work: Workspace, name: str) -> models.Values:
    """The official figures of annotated poses with noise."""
    folder = work.folder / 'evaluated'
    folder.mkdir(exist_ok=True)
    if name in FORMATS:
        path = work.toy(name) / FORMATS[name][1]
        poses = models.true_poses(name, path)
    else:
        path = folder / f'{name}_gt.json'
        models.random_annotations(path, RANDOM_SETS[name])
        poses = models.true_poses('coco', path)
    is_paired = name in ('mpii', 'interhand2d') or name in RANDOM_SETS
    results, out = folder / f'{name}.json', folder / f'{name}_figures.json'
    results.write_text(json.dumps(models.noisy_results(name, poses, is_paired)))
    work.run('tools/evaluate.py', results, '--dataset', name, '--ann', path, '--out', out)
    yield from figures(out)


# section: function, names of its parts
SECTIONS: dict[str, tuple[Callable[[Workspace, str], models.Values], Callable[[], Any]]] = {
    'toy': (toy, lambda: FORMATS),
    'train': (train, lambda: ('',)),
    'metric': (metric, lambda: (*METRIC_LEAVES, 'mixture')),
    'test': (test, lambda: ('',)),
    'export': (export, lambda: ('heatmaps', 'decoded')),
    'convert': (convert, lambda: DIALECTS),
    'evaluate': (evaluate, lambda: (*FORMATS, *RANDOM_SETS)),
    'forward': (lambda _, name: models.forward(name), lambda: models.FAMILIES),
    'augment': (
        lambda work, name: work.all_toys() or models.augment(name, work.data),
        lambda: models.pipelines(),
    ),
    'codec': (lambda _, name: models.codec(name), lambda: models.CODECS),
    'cells': (lambda _, name: models.cells(), lambda: ('',)),
    'loss': (lambda _, name: models.loss(name), lambda: models.LOSSES),
    'udp': (lambda _, name: models.messages(), lambda: ('',)),
    'leaf': (lambda _, name: models.leaf(name), lambda: models.leaf_paths()),
}


def run_part(job: tuple[Path, str, str]) -> tuple[Digests, str, float]:
    """Returns the digests of a part of a section, what went wrong, and the seconds that it took."""
    folder, section, part = job
    os.environ['MMPOSE_CACHE'] = str(folder / 'cache')
    os.environ['MMPOSE_TRACEBACK'] = '1'
    start = '/'.join(filter(None, (section, part)))
    found: Digests = {}
    started = time.perf_counter()
    error = ''
    with open(os.devnull, 'w') as nowhere:  # this process runs nothing else
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    try:
        for name, value in SECTIONS[section][0](Workspace(folder), part):
            found[f'{start}/{name}'] = digest_of(value)
    except Exception:
        error = traceback.format_exc()
    return found, error, time.perf_counter() - started


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description='Digest every number that the packages compute.')
    parser.add_argument('--out', help='JSON file that gets the digests too')
    parser.add_argument('--compare', help='digests of an earlier run; says what differs')
    parser.add_argument(
        '--only', nargs='+', metavar='NAME', default=['*'],
        help=f'{", ".join(SECTIONS)}; or parts of them, such as "toy/*" or forward/moe',
    )  # fmt: skip
    parser.add_argument('--jobs', type=int, default=2, help='processes')
    parser.add_argument('--keep', help='folder for the files on the way, which is kept; new')
    parser.add_argument('--times', action='store_true', help='print the seconds of each section')
    return parser.parse_args()


def compare(digests: Digests, path: str, is_whole: bool) -> int:
    """Prints what differs from an earlier run and returns how much."""
    earlier = json.loads(Path(path).read_text())
    names = earlier.keys() | digests.keys() if is_whole else digests.keys()
    different = sorted(name for name in names if earlier.get(name) != digests.get(name))
    for name in different:
        print(f'DIFFERS {name}  {earlier.get(name)} -> {digests.get(name)}', file=sys.stderr)
    print(f'{len(different)} of {len(names)} differ from {path}', file=sys.stderr)
    return len(different)


def main() -> int:
    """Runs the sections and prints their digests."""
    args = parse_args()
    parts = [
        (section, part)
        for section, (_, names) in SECTIONS.items()
        for part in names()
        for full in ['/'.join(filter(None, (section, part)))]
        if any(section == only or fnmatch.fnmatchcase(full, only) for only in args.only)
    ]
    digests: Digests = {}
    num_failed, seconds = 0, dict.fromkeys((section for section, _ in parts), 0.0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.keep or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        jobs = [(folder, *part) for part in parts]
        models.warm_up()
        # a process a part, so that no part sees what another one left; leaves share some, as they
        # are many and only build
        num = sum(section != 'leaf' for section, _ in parts)  # the leaves come last
        with multiprocessing.get_context('fork').Pool(args.jobs, maxtasksperchild=1) as pool:
            done = pool.imap(run_part, jobs[:num])
            leaves = pool.imap(run_part, jobs[num:], LEAVES_A_PROCESS)
            for part, (found, error, took) in zip(parts, chain(done, leaves), strict=True):
                digests |= found
                seconds[part[0]] += took
                for name, digest in found.items():
                    print(f'{name}  {digest}', flush=True)
                if error:
                    num_failed += 1
                    print(f'FAILED {"/".join(part)}\n{error}', file=sys.stderr, flush=True)
    if args.times:
        for section, took in seconds.items():
            print(f'{section}: {took:.1f} s', file=sys.stderr)
    if args.out:
        Path(args.out).write_text(json.dumps(digests, indent=1, sort_keys=True) + '\n')
    num_different = compare(digests, args.compare, args.only == ['*']) if args.compare else 0
    return int(num_failed + num_different > 0)


if __name__ == '__main__':
    sys.exit(main())
