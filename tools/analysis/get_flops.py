"""Counts parameters, operations and memory: python tools/analysis/get_flops.py CONFIG."""

import argparse

from mmpose.apis.cli import run_tool
from mmpose.config.overrides import ConfigOptions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Count parameters, operations and memory of a model.'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--shape',
        '--input-shape',
        type=int,
        nargs='+',
        metavar='PX',
        help='height and width of the input, or one number for both; default: of the config',
    )
    parser.add_argument('-b', '--batch-size', type=int, help='images')
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE')
    args = parser.parse_args()
    if args.shape and len(args.shape) > 2:
        parser.error(f'--shape takes height and width, got {args.shape}')
    return args


def main() -> None:
    args = parse_args()
    from mmpose.analysis.complexity import report_complexity
    from mmpose.analysis.memory import report_step_memory
    from mmpose.config.load import load_config

    cfg = load_config(args.config, args.cfg_options)
    size = 1 if args.batch_size is None else args.batch_size
    input_hw = (args.shape[0], args.shape[-1]) if args.shape else None
    print(report_complexity(cfg.model.to_dict(), input_hw, size))
    if 'optim_wrapper' in cfg and input_hw is None:
        print('', report_step_memory(cfg, args.batch_size), sep='\n')


if __name__ == '__main__':
    run_tool(main)
