"""Cut training samples for one task from a data set of annotated scans."""

from __future__ import annotations

import sys

from spine_levels.cli import spine_samples


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv`` (None: that of this process); returns its exit code."""
    return spine_samples.main(argv, "generate_samples.py")


if __name__ == "__main__":
    sys.exit(main())
