"""Trains a model: python tools/train.py CONFIG [--work-dir DIR] [--cfg-options KEY=VALUE ...]."""

import argparse
from functools import partial

from mmpose.apis.cli import add_common_arguments, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a pose model.')
    parser.add_argument('config', help='config file')
    add_common_arguments(parser)
    parser.add_argument(
        '--resume',
        '--resume-from',
        nargs='?',
        const='auto',
        metavar='auto|PATH',
        help='go on from the last checkpoint of the work dir, or from this one',
    )
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate on the way')
    parser.add_argument('--seed', type=int, help='seed of every random number')
    parser.add_argument('--deterministic', action='store_true', help='deterministic algorithms')
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    parser.add_argument('--compile', action='store_true', help='torch.compile backbone and heads')
    parser.add_argument(
        '--auto-scale-lr',
        '--autoscale-lr',
        action='store_true',
        help='scale the learning rate with the total batch',
    )
    parser.add_argument(
        '--pseudo-labels',
        nargs=2,
        metavar=('FILE', 'IMAGES'),
        help='train on these too: what pose pseudo-label has written, and the folder of the images',
    )
    parser.add_argument(
        '--folds',
        type=int,
        metavar='K',
        help='train K times, each time without a part of the training images, on which it is '
        'evaluated; mean and spread are in folds.json',
    )
    args = parser.parse_args()
    if args.folds is not None and (args.no_validate or args.launcher != 'none'):
        parser.error(
            '--folds evaluates each fold, in one process; omit --no-validate and --launcher'
        )
    if args.folds is not None and args.pseudo_labels:
        parser.error('--folds splits one file of labels; omit --pseudo-labels')
    return args


def main() -> None:
    args = parse_args()
    from mmpose.apis.train import format_folds, prepare_training, run_folds, run_training
    from mmpose.config.load import load_config
    from mmpose.config.mixture import add_pseudo_labels

    load = partial(load_config, args.config, args.cfg_options, args.data_root)
    options = dict(
        work_dir=args.work_dir,
        resume=args.resume,
        deterministic=args.deterministic,
        amp=args.amp,
        compile_model=args.compile,
        auto_scale_lr=args.auto_scale_lr,
        show_dir=args.show_dir,
        trust_checkpoint=args.trust_checkpoint,
    )
    if args.folds is not None:
        print(format_folds(run_folds(load, args.folds, args.seed or 0, **options)))
        return
    cfg = load()
    if args.pseudo_labels:
        add_pseudo_labels(cfg, *args.pseudo_labels)
    prepare_training(cfg, validate=not args.no_validate, seed=args.seed, **options)
    run_training(cfg, args.launcher)


if __name__ == '__main__':
    run_tool(main)
