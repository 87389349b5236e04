"""Fails unless both pages answer: what Docker asks every half minute."""

import urllib.request

PAGES = ('http://127.0.0.1:8501/_stcore/health', 'http://127.0.0.1:7860/')


def main() -> None:
    """Asks them one after another.

    Raises:
        SystemExit: If one does not answer within 4 s.
    """
    for page in PAGES:
        try:
            urllib.request.urlopen(page, timeout=4).close()
        except OSError as error:
            raise SystemExit(f'{page}: {error}') from None


if __name__ == '__main__':
    main()
