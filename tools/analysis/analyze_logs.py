"""Draws and sums up the logs of training runs, several at once.

python tools/analysis/analyze_logs.py plot_curve work_dirs/a work_dirs/b --out curves.png
python tools/analysis/analyze_logs.py cal_train_time work_dirs/a
python tools/analysis/analyze_logs.py table work_dirs/a work_dirs/b
"""

import argparse

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Draw and sum up the logs of training runs.')
    commands = parser.add_subparsers(dest='task', required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        'runs',
        nargs='+',
        metavar='RUN',
        help='work dir, scalars.json or .log of a run, or a .log.json of MMPose 0.x',
    )
    plot = commands.add_parser('plot_curve', parents=[common], help='curves as a picture')
    plot.add_argument('--keys', nargs='+', help='metrics, e.g. loss coco/AP; a panel each')
    plot.add_argument('--title', help='heading of the picture')
    plot.add_argument('--legend', nargs='+', help='a name for each run')
    plot.add_argument('--backend', help='backend of matplotlib for the window')
    plot.add_argument('--style', help='style of matplotlib or seaborn, e.g. dark')
    plot.add_argument('--out', help='picture (.png, .pdf, .svg); without it a window opens')
    time = commands.add_parser('cal_train_time', parents=[common], help='time of an iteration')
    time.add_argument(
        '--include-outliers', action='store_true', help='count the first record of each epoch too'
    )
    table = commands.add_parser('table', parents=[common], help='best and last metrics')
    table.add_argument('--keys', nargs='+', help='metrics; default: loss and primary metrics')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.analysis.error_tables import format_table
    from mmpose.analysis.log_tables import metric_table, time_table
    from mmpose.analysis.logs import plot_curves, read_runs
    from mmpose.structures.output_files import writing

    if args.task == 'plot_curve':
        with writing(args.out, inputs=args.runs):
            text = plot_curves(
                args.runs, args.keys, args.out, args.title, args.legend, args.style, args.backend
            )
    elif args.task == 'cal_train_time':
        text = format_table(time_table(read_runs(args.runs), args.include_outliers))
    else:
        text = format_table(metric_table(read_runs(args.runs), args.keys))
    print(text)


if __name__ == '__main__':
    run_tool(main)
