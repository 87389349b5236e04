"""Checks and measures a new GPU machine: python tools/check_gpus.py [--out DIR]."""

import argparse
import sys
import time
from pathlib import Path

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Check and measure the GPUs of a new machine; on a CPU at tiny sizes.'
    )
    parser.add_argument(
        '--out', default='work_dirs/check_gpus', help='folder; each check makes one in it'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from benchmarks.check_gpus import FAILED, check_gpus

    begin = time.perf_counter()
    out_dir = Path(args.out, time.strftime('%Y%m%d_%H%M%S')).resolve()
    stages = check_gpus(out_dir)['stages']
    failed = [stage['name'] for stage in stages if stage['status'] == FAILED]
    print(f'{time.perf_counter() - begin:.0f} s; figures, table and logs: {out_dir}')
    if failed:
        sys.exit(f'error: {len(failed)} of {len(stages)} stages failed: {"; ".join(failed)}')


if __name__ == '__main__':
    run_tool(main)
