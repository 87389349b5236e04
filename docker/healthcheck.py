"""Fails unless both pages answer: what Docker asks every half minute."""

import sys
import urllib.request

PAGES = ('http://127.0.0.1:8501/_stcore/health', 'http://127.0.0.1:7860/')

for page in PAGES:
    try:
        urllib.request.urlopen(page, timeout=4).close()
    except OSError as error:
        sys.exit(f'{page}: {error}')
