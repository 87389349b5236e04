"""Measures a part: python tools/benchmark.py {loader,codec,eval,forward,train,live,...} ..."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmpose.apis.cli import run_tool
from mmpose.config.overrides import ConfigOptions

if TYPE_CHECKING:
    from mmengine.config import Config

    from benchmarks import Report


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Measure a part of the framework.')
    commands = parser.add_subparsers(dest='benchmark', required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('--out', help='JSON file for the results')
    common.add_argument('--repeat', type=int, default=5, help='rounds (5)')
    config = argparse.ArgumentParser(add_help=False)
    config.add_argument('config', help='config file')
    config.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE')
    config.add_argument('--data-root', help='folder that holds the datasets, instead of data/')
    baseline = argparse.ArgumentParser(add_help=False)
    baseline.add_argument(
        '--peer-python',
        dest='baseline_python',
        help='Python with MMPose 1.x, as a baseline',
    )
    device = argparse.ArgumentParser(add_help=False)
    device.add_argument('--device', help='cpu, cuda or cuda:N; a GPU by default')
    device.add_argument('--threads', type=int, help='threads on a CPU; codec: 1, others: all cores')
    peak = argparse.ArgumentParser(add_help=False)
    peak.add_argument('--peak-tflops', type=float, help='bf16 peak of a device not in our table')

    loader = commands.add_parser(
        'loader', parents=[common, config, baseline], help='training loader'
    )
    loader.add_argument('--samples', type=int, default=256, help='samples per round')
    loader.add_argument(
        '--annotations', type=int, metavar='N', help='also open N generated annotations'
    )
    codec = commands.add_parser(
        'codec', parents=[common, config, baseline, device], help='heatmaps'
    )
    codec.add_argument('--batch-size', type=int, default=64)
    evaluation = commands.add_parser('eval', parents=[common], help='COCO evaluation')
    evaluation.add_argument('config', nargs='?', help='config file, for its skeleton; else COCO')
    evaluation.add_argument('--images', type=int, default=5000)
    evaluation.add_argument('--ground-truths', type=int, default=11_127)
    evaluation.add_argument('--detections', type=int, default=101_127)
    forward = commands.add_parser('forward', parents=[common, config, device, peak], help='model')
    forward.add_argument('--batch-sizes', type=int, nargs='+', default=[1, 8])
    forward.add_argument('--dtypes', nargs='+', choices=['fp32', 'bf16'])
    train = commands.add_parser('train', parents=[common, config, device, peak], help='training')
    train.add_argument('--batch-size', type=int)
    train.add_argument('--amp', action='store_true', help='mixed precision')
    train.add_argument('--compile', action='store_true', help='torch.compile backbone and heads')
    live = commands.add_parser('live', parents=[common], help='3D stage of the live pipeline')
    live.add_argument('--people', type=int, nargs='+', default=[1, 8], help='per frame (1 8)')
    live.set_defaults(config=None)
    table = commands.add_parser('table', help='markdown tables of JSON reports')
    table.add_argument('reports', nargs='*', help='files of --out, or check.json of check_gpus.py')
    table.add_argument('--write', metavar='PAGE', help='make those of the files its marks name')
    every = commands.add_parser('all', parents=[baseline], help='the figures of docs/benchmarks.md')
    every.add_argument('names', nargs='*', metavar='NAME', help='some of them, as loader; all')
    every.add_argument('--data-root', default='data', help='folder that holds coco/')
    every.add_argument('--out-dir', default='docs/figures', help='folder of reports (docs/figures)')
    args = parser.parse_args()
    if args.benchmark == 'table' and bool(args.reports) == bool(args.write):
        parser.error('table needs reports to print, or --write PAGE')
    return args


def read_config(args: argparse.Namespace) -> Config:
    from mmpose.config.load import load_config  # torch is loaded after the flags are read

    return load_config(args.config, args.cfg_options, args.data_root)


def run_loader(args: argparse.Namespace) -> Report:
    from benchmarks import benchmark_loader

    return benchmark_loader(
        read_config(args),
        repeat=args.repeat,
        num_samples=args.samples,
        baseline_python=args.baseline_python,
        num_annotations=args.annotations,
    )


def run_codec(args: argparse.Namespace) -> Report:
    from benchmarks import benchmark_codec

    return benchmark_codec(
        read_config(args),
        repeat=args.repeat,
        batch_size=args.batch_size,
        device=args.device,
        num_threads=args.threads or 1,
        baseline_python=args.baseline_python,
    )


def run_eval(args: argparse.Namespace) -> Report:
    from benchmarks import benchmark_evaluation

    return benchmark_evaluation(
        repeat=args.repeat,
        num_images=args.images,
        num_gt=args.ground_truths,
        num_dt=args.detections,
        metainfo=_skeleton(args.config),
    )


def _skeleton(config: str | None) -> str:
    """The skeleton of a config; the first one of a mixture."""
    from mmpose.config.load import load_config

    names = load_config(config).metainfo if config else 'coco'
    return names if isinstance(names, str) else names[0]


def run_forward(args: argparse.Namespace) -> Report:
    from benchmarks import benchmark_forward

    return benchmark_forward(
        read_config(args),
        repeat=args.repeat,
        batch_sizes=args.batch_sizes,
        dtypes=args.dtypes,
        device=args.device,
        num_threads=args.threads,
        peak=args.peak_tflops,
    )


def run_train(args: argparse.Namespace) -> Report:
    from benchmarks import benchmark_training
    from mmpose.apis.train import prepare_training

    cfg = prepare_training(read_config(args), amp=args.amp, compile_model=args.compile)
    return benchmark_training(
        cfg,
        repeat=args.repeat,
        batch_size=args.batch_size,
        device=args.device,
        num_threads=args.threads,
        peak=args.peak_tflops,
    )


def run_live(args: argparse.Namespace) -> Report:
    from benchmarks import benchmark_solving

    return benchmark_solving(repeat=args.repeat, num_people=args.people)


def print_tables(args: argparse.Namespace) -> None:
    from benchmarks.tables import fill_page, format_file

    if args.write:
        Path(args.write).write_text(fill_page(args.write), encoding='utf-8')
    else:
        print('\n\n'.join(format_file(path).strip() for path in args.reports))


def run_all(args: argparse.Namespace) -> None:
    from benchmarks.recorded import record
    from benchmarks.tables import format_ratios

    reports = record(
        args.names,
        data_root=args.data_root,
        baseline_python=args.baseline_python,
        folder=args.out_dir,
    )
    print(format_ratios(reports))


def main() -> None:
    args = parse_args()
    if args.benchmark in ('table', 'all'):
        print_tables(args) if args.benchmark == 'table' else run_all(args)
        return
    from mmpose.structures.output_files import writing

    runs = {
        'loader': run_loader,
        'codec': run_codec,
        'eval': run_eval,
        'forward': run_forward,
        'train': run_train,
        'live': run_live,
    }
    with writing(args.out, inputs=[args.config]):
        report = runs[args.benchmark](args)
        print(report.format())
        if args.out:
            report.write(args.out)
            print(f'results: {args.out}')


if __name__ == '__main__':
    run_tool(main)
