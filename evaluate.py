"""Measure a bundle on a catalog: `python evaluate.py --model RUN --data CATALOG --out REPORT`."""

import sys

from tagger.cli.main import main

if __name__ == "__main__":
    sys.argv.insert(1, "evaluate")
    main()
