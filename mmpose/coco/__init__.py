"""COCO-like JSON files: the one reader of annotation and result files."""
