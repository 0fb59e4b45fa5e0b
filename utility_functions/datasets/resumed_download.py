"""A downloader for pooch that goes on where an earlier one was interrupted, in this process or in another."""

from __future__ import annotations

import json
import logging
import shutil
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from tqdm import tqdm

from utility_functions.files.atomic_write import write_json

log = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 16
TIMEOUT_SECONDS = (20.0, 60.0)
"""To connect, and between two pieces of the answer."""
BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class Interrupted(OSError):
    """A download that ended too early; what arrived is kept."""


class ResumedDownload:
    """Calls as pooch makes them; what has arrived lies at ``part``, with its address and version beside it.

    An answer goes on from there where the server can do so and its file is the same as before; else it starts anew.
    attempts: how often in a row no more may arrive than before.
    """

    def __init__(self, part: Path, attempts: int = 4) -> None:
        self.part = part
        self.attempts = attempts
        self._origin = part.with_name(f"{part.name}.json")

    def __call__(self, url: str, output_file: Any, pooch: Any = None, check_only: bool = False) -> None:
        """Write what is at ``url`` to the path ``output_file``.

        Raises: requests.HTTPError where the server refuses, Interrupted or requests.ConnectionError where the download
        ends early, and OSError where the disk is too small.
        """
        failed, furthest = 0, self._size()
        while True:
            try:
                self._fetch(url)
                break
            except (*BROKEN, Interrupted) as error:
                failed = 0 if self._size() > furthest else failed + 1
                furthest = max(furthest, self._size())
                if failed >= self.attempts:
                    if self._size():
                        raise Interrupted(f"{self._size()} bytes of it arrived, and then no more") from error
                    raise
                log.warning(
                    "%s: %s.", self.part.stem, "interrupted; going on" if self._size() else "no answer; once more"
                )
                time.sleep(2.0**failed)
        shutil.move(self.part, output_file)
        self._origin.unlink(missing_ok=True)

    def _fetch(self, url: str) -> None:
        """One request, and the answer appended to what is there."""
        have = self._size() if self._known().get("url") == url else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
            if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                if answer.headers.get("Content-Range") == f"bytes */{have}" and self._same(answer):
                    return
                self._forget()
                raise Interrupted("the file is another one than before")
            answer.raise_for_status()
            if have and not (answer.status_code == HTTPStatus.PARTIAL_CONTENT and self._continues(answer, have)):
                self._forget()
                if answer.status_code == HTTPStatus.PARTIAL_CONTENT:
                    raise Interrupted("the file is another one than before")
                have = 0
            self._receive(answer, url, have)

    def _receive(self, answer: requests.Response, url: str, have: int) -> None:
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and total - have > free:
            raise OSError(f"{self.part.parent}: {total - have} bytes are needed, and {free} are free.")
        write_json(self._origin, {"url": url, "version": _version(answer)})
        with (
            self.part.open("ab" if have else "wb") as file,
            tqdm(total=total, initial=have, desc=self.part.stem, unit="B", unit_scale=True) as bar,
        ):
            for piece in answer.iter_content(CHUNK_BYTES):
                file.write(piece)
                bar.update(len(piece))
        if total is not None and self._size() < total:
            raise Interrupted(f"{self._size()} of {total} bytes arrived")

    def _continues(self, answer: requests.Response, have: int) -> bool:
        return answer.headers.get("Content-Range", "").startswith(f"bytes {have}-") and self._same(answer)

    def _same(self, answer: requests.Response) -> bool:
        """Whether the server's file is the one that what is there came from; unknown counts as no."""
        return bool(_version(answer)) and _version(answer) == self._known().get("version")

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _known(self) -> dict[str, str]:
        """Address and version of what is there; nothing where they are not known."""
        try:
            known = json.loads(self._origin.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)


def _version(answer: requests.Response) -> str:
    """What tells two versions of the server's file apart; "" where it says nothing."""
    return str(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")
