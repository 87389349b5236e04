"""Makes a skeleton table and a config for your own data in COCO's layout.

python tools/new_dataset.py --ann my.json --name mine --img-dir images/ [--val-ann my_val.json]
"""

import argparse

from mmpose.apis.cli import run_tool

MODELS = ('tiny', 'small', 'base', 'large', 'huge')
RECIPES = ('standard', 'small_data')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Make a skeleton table and a config.')
    parser.add_argument('--ann', required=True, help='annotation file with keypoints')
    parser.add_argument('--name', required=True, help='name of the table and of the config')
    parser.add_argument('--val-ann', help='annotation file to validate on')
    parser.add_argument('--img-dir', help='folder that the file names start from')
    parser.add_argument('--val-img-dir', help='the same for --val-ann, where it differs')
    parser.add_argument(
        '--val-share', type=float, default=0.1, help='share set apart without --val-ann'
    )
    parser.add_argument(
        '--val-folder', nargs='+', default=(), help='folders of images, such as videos, set apart'
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of that split')
    parser.add_argument('--out', help='folder to write to; default: the name')
    parser.add_argument(
        '--size', default='256x192', help='height x width of the crops, multiples of 32'
    )
    parser.add_argument('--model', default='small', choices=MODELS)
    parser.add_argument(
        '--recipe',
        default='standard',
        choices=RECIPES,
        help='small_data: for some dozens of images',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace what is there')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.dataset_tools.new_dataset import (  # loads torch
        create_dataset,
        tool_call,
        training_commands,
    )

    made = create_dataset(
        args.ann,
        args.name,
        out=args.out,
        val_ann=args.val_ann,
        img_dir=args.img_dir,
        val_img_dir=args.val_img_dir,
        val_share=args.val_share,
        val_folders=args.val_folder,
        size=args.size,
        model=args.model,
        seed=args.seed,
        recipe=args.recipe,
        overwrite=args.overwrite,
    )
    print('\n'.join(f'note: {note}' for note in made.notes))
    print('\n'.join(f'wrote {path}' for path in made.written))
    print(made.plan.length)
    print(f'\nnow look through {" and ".join(map(str, made.tables))}, then:')
    print(f'{tool_call("check_dataset", "check-dataset")} {made.config}')
    print('\n'.join(training_commands(made, args.model)))


if __name__ == '__main__':
    run_tool(main)
