"""Pictures of every place of the window on a study: `python -m ctworkbench.ui.screenshots STUDY OUT`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ctworkbench.core.errors import WorkbenchError


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one .png a place; 1 if the study cannot be shown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1600)
    parser.add_argument("--height", type=int, default=940)
    given = parser.parse_args(arguments)

    from ctworkbench.ui.app import screenshot
    from ctworkbench.ui.study_view import PLACES

    for number, place in enumerate(PLACES, start=1):
        path = given.out / f"{number}-{place}.png"
        try:
            screenshot(given.study, path, place, (given.width, given.height))
        except WorkbenchError as error:
            print(error, file=sys.stderr)
            return 1
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
