"""Inference benchmark: python tools/analysis/benchmark_inference.py CONFIG [CKPT] [--backends ...].

End to end on the CPU, from an image and boxes to keypoints, compared with Hugging Face and rtmlib
with the same weights, boxes and threads.
"""

import argparse

from mmpose.apis.cli import run_tool
from mmpose.config.overrides import ConfigOptions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Time inference from image and boxes to poses.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint; random weights by default')
    parser.add_argument(
        '--backends',
        nargs='+',
        default=['torch', 'onnx', 'int8', 'hf'],
        help='candidates: torch (always one), onnx, int8, ..., hf, rtmlib',
    )
    parser.add_argument(
        '--batch-sizes', type=int, nargs='+', default=[1, 8], help='boxes per image'
    )
    parser.add_argument('--repeat', type=int, default=10, help='rounds (10)')
    parser.add_argument(
        '--threads', type=int, help='threads of each candidate; all cores by default'
    )
    parser.add_argument('--out', help='JSON file for the results')
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a file that runs code when it is read; only for files you trust',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from benchmarks.inference import benchmark_inference  # torch is loaded after the flags
    from mmpose.structures.output_files import writing

    with writing(args.out, inputs=[args.config, args.checkpoint]):
        report = benchmark_inference(
            args.config,
            args.checkpoint,
            cfg_options=args.cfg_options,
            backends=args.backends,
            batch_sizes=args.batch_sizes,
            repeat=args.repeat,
            num_threads=args.threads,
            trust_checkpoint=args.trust_checkpoint,
        )
        print(report.format())
        if args.out:
            report.write(args.out)
            print(f'results: {args.out}')


if __name__ == '__main__':
    run_tool(main)
