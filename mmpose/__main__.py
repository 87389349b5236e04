"""The command ``pose``, also ``python -m mmpose``: the tools by name, from any folder."""

from __future__ import annotations

import os
import runpy
import sys
from difflib import get_close_matches
from pathlib import Path

from mmpose.version import PROJECT, __version__

# command -> its tool, and what it does
TOOLS = {
    'quickstart': ('quickstart.py', 'generated data, training, test and pictures in minutes'),
    'train': ('train.py', 'train a model'),
    'test': ('test.py', 'evaluate a checkpoint'),
    'infer': ('infer.py', 'find poses in images, videos, folders and streams'),
    'evaluate': ('evaluate.py', 'evaluate a file of results'),
    'evaluate-detector': ('evaluate_detector.py', 'evaluate a detector or its boxes'),
    'export': ('export.py', 'write a model for another runtime'),
    'new-dataset': ('new_dataset.py', 'a config and a skeleton from annotations of your own'),
    'check-dataset': ('check_dataset.py', 'find what is wrong in a dataset before training'),
    'browse': ('browse_dataset.py', 'draw the samples that a model trains on'),
    'annotations': ('dataset_converters/convert_annotations.py', 'change the labelling tool'),
    'migrate-config': ('migrate_config.py', 'a config of MMPose in our words'),
    'migrate-metainfo': ('migrate_metainfo.py', 'a skeleton of MMPose as a table'),
    'convert': ('convert_checkpoint.py', 'a checkpoint from one format to another'),
    'inspect': ('inspect_checkpoint.py', 'what a checkpoint holds and which config fits'),
    'split': ('model_split.py', 'a model of several datasets in one for each'),
    'publish': ('publish_model.py', 'the weights of a run with a model card'),
    'benchmark': ('benchmark.py', 'measure loader, training and inference beside baselines'),
    'check-gpus': ('check_gpus.py', 'check and measure the GPUs of a new machine'),
    'errors': ('analyze_errors.py', 'which errors cost how much AP'),
    'report': ('analysis/report.py', 'a run as one page'),
    'compare': ('analysis/compare_runs.py', 'two files of results, image by image'),
    'logs': ('analysis/analyze_logs.py', 'curves and times of runs'),
    'summary': ('analysis/get_flops.py', 'layers, parameters and FLOPs of a model'),
    'print-config': ('analysis/print_config.py', 'a config as it is composed'),
    'summarize': ('summarize.py', 'curves and predictions of a tested run'),
    'toy-dataset': ('make_toy_dataset.py', 'a generated dataset in any layout'),
    'check-environment': ('check_environment.py', 'what is installed and what is wrong with it'),
}  # fmt: skip
LIVE = ('live', 'poses of a camera live, in 3D, to a page or an avatar')
CONFIGS = ('configs', 'list the configs whose name has a WORD; --copy NAME FOLDER copies one')


def main() -> None:
    """Runs the command that the arguments of the process name."""
    try:
        _run()
        sys.stdout.flush()
    except BrokenPipeError:  # as of `pose configs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run() -> None:
    name, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ('--help', [])
    if name in ('-h', '--help'):
        print(_usage())
    elif name in ('-V', '--version'):
        print(__version__)
    elif name == CONFIGS[0]:
        _list_configs(arguments)
    elif name == LIVE[0]:
        sys.argv = ['pose live', *arguments]
        runpy.run_module('realtime_pose', run_name='__main__', alter_sys=False)
    elif name in TOOLS:
        tool = PROJECT / 'tools' / TOOLS[name][0]
        sys.argv = [f'pose {name}', *arguments]
        sys.path.insert(0, str(tool.parent))
        # not by runpy, which puts the path of the tool where --help shows the command
        exec(
            compile(tool.read_bytes(), tool, 'exec'),
            {'__name__': '__main__', '__file__': str(tool)},
        )
    else:
        names = [*TOOLS, LIVE[0], CONFIGS[0]]
        near = get_close_matches(name, names, n=3) or names
        sys.exit(f"error: there is no command '{name}'; did you mean {' or '.join(near)}?")


def _usage() -> str:
    rows = [*((name, text) for name, (_, text) in TOOLS.items()), LIVE, CONFIGS]
    lines = [f'  {name:<18} {text}' for name, text in rows]
    head = 'usage: pose COMMAND ...\n\nTop-down pose estimation. pose COMMAND --help says more.\n'
    return '\n'.join([head, *lines])


def _list_configs(arguments: list[str]) -> None:
    from mmpose.config.load import read_config
    from mmpose.config.names import config_names, find_config

    if arguments[:1] == ['--copy']:
        if len(arguments) not in (2, 3):
            sys.exit('error: expected pose configs --copy NAME [FOLDER]')
        source = find_config(arguments[1])
        target = Path(*arguments[2:] or ['.'], source.name)
        if target.exists():
            sys.exit(f'error: {target} exists; choose another folder')
        target.parent.mkdir(parents=True, exist_ok=True)
        read_config(source).dump(target)  # with its bases, so that it can go anywhere
        print(f'wrote {target}')
    else:
        words = [word.lower() for word in arguments]
        for name in config_names():
            if all(word in name.lower() for word in words):
                print(name)


if __name__ == '__main__':
    main()
