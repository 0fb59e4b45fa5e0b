"""One published file, fetched from the first of its addresses that has it, and checked by its hash."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from utility_functions.datasets.public_sets import PublishedFile
from utility_functions.files.broken_file import BrokenFile

log = logging.getLogger(__name__)

GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


@dataclass(frozen=True)
class FetchedFile:
    """What was fetched.

    url: where from; "" for a file that lay there. published: whether its hash is the published one.
    """

    name: str
    url: str
    bytes: int
    sha256: str
    published: bool


def fetched(file: PublishedFile, folder: Path, page: str) -> tuple[Path, FetchedFile]:
    """The path of a published file in ``folder``, downloaded unless it lies there already.

    An interrupted download is continued. page: where the data set is published, for messages.
    Raises: BrokenFile where what arrived has another hash than the published one, and is removed; OSError, in one
    sentence, where no address has the file, where the network fails, and where pooch is not installed.
    """
    try:
        import pooch
        import requests

        from utility_functions.datasets.resumed_download import BROKEN, Interrupted, ResumedDownload
    except ModuleNotFoundError as error:
        raise OSError(f'Downloading needs the package {error.name}: pip install "spine-levels[datasets]".') from error
    pooch.get_logger().setLevel(logging.ERROR)
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    known = f"sha256:{file.sha256}" if file.sha256 else None
    if path.exists() and file.sha256 and pooch.file_hash(path) != file.sha256:
        path.unlink()
        raise _damaged(path, page)
    if path.exists():
        return path, _record(file, path, "")
    reasons = []
    for url in file.urls:
        download = ResumedDownload(path.with_name(f"{path.name}.part"))
        try:
            pooch.retrieve(url, known, file.name, folder, downloader=download)
            return path, _record(file, path, url)
        except requests.HTTPError as error:
            status, phrase = error.response.status_code, error.response.reason
            reasons.append(f"{url} {'is no longer there' if status in GONE else 'refuses'} ({status} {phrase})")
        except Interrupted as error:
            raise OSError(
                f"{file.name} is not complete ({error}): run the same command again to go on, or see {page}."
            ) from error
        except BROKEN:
            reasons.append(f"{url} cannot be reached")
        except ValueError as error:  # pooch's, for another hash
            path.unlink(missing_ok=True)
            raise _damaged(path, page) from error
        log.warning("%s.", reasons[-1])
    raise OSError(
        f"{file.name} cannot be downloaded: {'; '.join(reasons)}; see {page} for where it is published now, and put it "
        f"into {folder}."
    )


def _record(file: PublishedFile, path: Path, url: str) -> FetchedFile:
    with path.open("rb") as content:
        sha256 = file.sha256 or hashlib.file_digest(content, "sha256").hexdigest()
    return FetchedFile(file.name, url, path.stat().st_size, sha256, bool(file.sha256))


def _damaged(path: Path, page: str) -> BrokenFile:
    return BrokenFile(
        f"{path} is not the published file (its SHA-256 is another one) and was removed: download it again, or see "
        f"{page}."
    )
