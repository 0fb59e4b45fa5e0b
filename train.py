"""Train the network of a task from sample files; the task is written in the files."""

from __future__ import annotations

import sys

from spine_levels.cli import spine_train


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv`` (None: that of this process); returns its exit code."""
    return spine_train.main(argv, "train.py")


if __name__ == "__main__":
    sys.exit(main())
