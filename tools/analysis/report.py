"""Writes one page on a run, or on several: python tools/analysis/report.py WORK_DIR [...]."""

import argparse

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Write one self-contained HTML page on runs.')
    parser.add_argument(
        'work_dirs',
        nargs='+',
        metavar='WORK_DIR',
        help='folder in which train.py or test.py have run',
    )
    parser.add_argument('--out', help='the page; default: report.html in the first work dir')
    parser.add_argument('--base', help='config to compare with; default: the one it started from')
    parser.add_argument('--num-worst', type=int, default=8, help='worst images to draw')
    parser.add_argument('--num-random', type=int, default=8, help='random images to draw')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.analysis.report import write_report
    from mmpose.structures.output_files import writing

    with writing(args.out, inputs=[args.base]):
        page = write_report(
            args.work_dirs,
            out=args.out,
            base=args.base,
            num_worst=args.num_worst,
            num_random=args.num_random,
        )
    print(page)


if __name__ == '__main__':
    run_tool(main)
