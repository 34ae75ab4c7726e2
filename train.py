"""`python train.py …` is `tagger train …`."""

import sys

from tagger.cli.main import main

if __name__ == "__main__":
    sys.argv.insert(1, "train")
    main()
