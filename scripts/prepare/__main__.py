"""Entry of `python scripts/prepare NAME SOURCE OUT`; see `prepare.command`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that this folder is the package `prepare`

from prepare.command import main

if __name__ == "__main__":
    main()
