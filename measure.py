"""Find, name and localise the vertebrae of scans; with ground truth, score what was found."""

from __future__ import annotations

import sys

from spine_levels.cli import spine_measure


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv`` (None: that of this process); returns its exit code."""
    return spine_measure.main(argv, "measure.py")


if __name__ == "__main__":
    sys.exit(main())
