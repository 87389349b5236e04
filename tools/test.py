"""Evaluates a checkpoint: python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--out FILE]."""

import argparse

from mmpose.apis.cli import add_common_arguments, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Evaluate a pose model.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint: file, URL or work dir')
    add_common_arguments(parser)
    parser.add_argument('--out', help='JSON file for the predictions, as the COCO server takes it')
    parser.add_argument('--dump', help='.npz file for every prediction before suppression')
    parser.add_argument(
        '--eval', nargs='+', metavar='METRIC', help='metrics instead of those of the config'
    )
    parser.add_argument(
        '--test-ann-file', help='annotations instead of those of the config, relative to data/'
    )
    parser.add_argument(
        '--test-bbox-file',
        nargs='+',
        metavar='FILE|none',
        help='detected boxes instead of those of the config, relative to data/; none for the '
        'annotated ones; several are evaluated in one run',
    )
    parser.add_argument(
        '--badcase',
        nargs='?',
        type=int,
        const=20,
        metavar='N',
        help='write the N worst predictions (20) with pictures to bad_cases/ of the work dir',
    )
    parser.add_argument(
        '--fuse-conv-bn', action='store_true', help='fold BatchNorm into the convolutions'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.apis.test import choose_test_data, prepare_test, run_test
    from mmpose.config.load import load_config

    cfg = load_config(args.config, args.cfg_options, args.data_root)
    choose_test_data(cfg, args.test_ann_file, args.test_bbox_file, args.data_root)
    prepare_test(
        cfg,
        args.checkpoint,
        work_dir=args.work_dir,
        metrics=args.eval,
        dump=args.dump,
        show_dir=args.show_dir,
        bad_cases=args.badcase,
        trust_checkpoint=args.trust_checkpoint,
    )
    run_test(cfg, args.launcher, out=args.out, fuse_conv_bn=args.fuse_conv_bn)


if __name__ == '__main__':
    run_tool(main)
