"""Config texts as ast writes them: yapf takes longer for a mixture than its training in a test.

That the formatted text of every leaf is read back is tested in tests/configs/test_configs.py.
"""

import ast

from mmengine.config import config as mmengine_config
from yapf.yapflib import yapf_api

# mmengine takes the function when it is imported, onedl-mmengine at each call
OWNER = mmengine_config if hasattr(mmengine_config, 'FormatCode') else yapf_api


def format_plainly(code: str, **options: object) -> tuple[str, bool]:
    """Stands for ``yapf_api.FormatCode``."""
    return ast.unparse(ast.parse(code)) + '\n', True
