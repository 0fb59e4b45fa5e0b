"""Runs the three scripts one after another, each in a fork of this process, so that none pays for the imports.

Its arguments are the scripts that it will run. Lines on standard input are requests in JSON: script, argv, and a limit
to the size of a file. It answers with the process id of the fork, which leads a process group of its own, and after its
end with its exit code.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

RUN_MARK = "HARDENING_RUN"
"""The variable by which a process is known that a run has started: the id of the group of the run."""


def main() -> None:
    """Import, say that it is ready, and answer until standard input ends."""
    import generate_samples
    import measure
    import train

    if {"train", "measure"} & {*sys.argv[1:]}:
        import tensorflow as tf

        from learning_functions.measure import comparing  # noqa: F401
        from learning_functions.training import cross_validation, fit  # noqa: F401

        tf.config.run_functions_eagerly(True)  # to make graphs of tiny networks takes longer than all else
    else:
        from learning_functions.generate import generation  # noqa: F401
    scripts = {"generate_samples": generate_samples.main, "train": train.main, "measure": measure.main}
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run(scripts[request["script"]], request)
        print(pid, flush=True)
        status = os.waitpid(pid, 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(script: Any, request: dict[str, Any]) -> None:
    """Run the script and end the process, whatever happens."""
    os.setpgid(0, 0)
    os.environ[RUN_MARK] = str(os.getpid())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(request["said"]).with_suffix(f".{name}"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if request.get("most_bytes") is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["most_bytes"], request["most_bytes"]))
    if request.get("clock"):
        _let_the_clock_jump()
    code = 99
    try:
        code = script(request["argv"])
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - it is told, and the process ends
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(code)


def _let_the_clock_jump() -> None:
    """From its third call on ``time.time`` is ten years ahead, and from the sixth ten years behind."""
    import itertools
    import time

    real, calls, years = time.time, itertools.count(), 10 * 365 * 86400.0
    time.time = lambda: real() + (0.0 if (call := next(calls)) < 3 else years if call < 6 else -years)


if __name__ == "__main__":
    main()
