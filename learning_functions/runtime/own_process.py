"""Work in a process of its own, as a worker of a cluster needs it for what depends on the state of a whole process.

Keras draws the seeds of initial weights from Python's global generator, from which other threads of a worker draw, too;
and TensorFlow gives its memory back only when its process ends.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from learning_functions.runtime.cancelling import require_wanted
from learning_functions.runtime.logs_of_work import collected_logs, tell_logs
from learning_functions.runtime.workers import Answer, WorkerLost
from utility_functions.command_line import one_line
from utility_functions.worker_pool import SECONDS_TO_END, end_with_parent

TURN_S = 0.5
START = "import sys; sys.path[:] = {}; from {} import answer_parent; answer_parent()"


def in_own_process(function: Callable[..., Answer], *arguments: Any) -> Answer:
    """What ``function`` returns, called in a fresh Python process; its log records are told here.

    The process ends with this one, and once nobody wants its answer. All is pickled; what it prints goes to standard
    error. Raises: what ``function`` raises; WorkerLost where the process ends without an answer; NoLongerWanted.
    """
    command = [sys.executable, "-c", START.format(sys.path, __name__)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        ThreadPoolExecutor(1) as talk,
    ):
        try:
            work = pickle.dumps((function, arguments))
            answer = talk.submit(_asked, process, pickle.dumps(work))
            while not answer.done():
                try:
                    answer.result(TURN_S)
                except NotYet:
                    require_wanted()
            told = answer.result()
        except BaseException:
            process.terminate()
            try:
                process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    if not told:
        raise WorkerLost(f"Its process ended with code {process.returncode}, most likely for lack of memory.")
    value, error, logs = pickle.loads(told)
    tell_logs(logs)
    if error is not None:
        raise error
    result: Answer = value
    return result


def _asked(process: subprocess.Popen[bytes], work: bytes) -> bytes:
    """Send the work, and wait for all that is answered; standard input stays open, by which the process knows us."""
    if process.stdin is None or process.stdout is None:
        return b""
    try:
        process.stdin.write(work)
        process.stdin.flush()
    except BrokenPipeError:  # it ended before
        return b""
    return process.stdout.read()


def answer_parent() -> None:
    """In the process: do the work on standard input, answer on standard output, and end."""
    work = pickle.load(sys.stdin.buffer)
    end_with_parent(lambda: os.read(0, 1))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    value, error = None, None
    with collected_logs() as logs:
        try:
            function, arguments = pickle.loads(work)
            value = function(*arguments)
        except Exception as raised:  # noqa: BLE001  the parent raises it
            error = _portable(raised)
    with answers:
        answers.write(pickle.dumps((value, error, logs)))
    sys.stderr.flush()
    os._exit(0)  # the parent has its answer, and no longer waits


def _portable(error: Exception) -> Exception:
    """The error itself, where it can be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  whatever a foreign type does then
        return OSError(f"{type(error).__name__}: {one_line(error)}")
    return error
