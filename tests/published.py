"""Miniatures of the public data sets, and a server on this machine that publishes them, well or badly."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from utility_functions.datasets.public_sets import PublicSet
from utility_functions.files.annotations import write_verse_json
from utility_functions.files.images import write_image
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume

PAGE = "https://example.org/the-page"


@dataclass
class Publisher:
    """What a server publishes, and how.

    files: content by name. etags: version by name. ranges: whether a part of a file may be requested.
    cuts: how many bytes of an answer arrive before the connection ends, for the first answers; None for all of them.
    asked: name, first byte requested, and bytes sent, of every answer.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    cuts: list[int | None] = field(default_factory=list)
    asked: list[tuple[str, int, int]] = field(default_factory=list)


@contextmanager
def publisher(files: Mapping[str, bytes] | None = None) -> Iterator[Publisher]:
    """A server in a thread, at a port that is free."""
    told = Publisher(files=dict(files or {}))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.lstrip("/").split("?")[0]
            if name not in told.files:
                told.asked.append((name, 0, 0))
                self.send_error(404)
                return
            content, wanted = told.files[name], self.headers.get("Range")
            first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and told.ranges else 0
            if first >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
            else:
                self.send_response(206 if first else 200)
                if first:
                    self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(content) - first))
            self.send_header("ETag", told.etags.get(name, '"one"'))
            self.end_headers()
            most = told.cuts.pop(0) if told.cuts else None
            sent = content[first:][:most]
            told.asked.append((name, first, len(sent)))
            self.wfile.write(sent)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def published(public: PublicSet, server: Publisher, scans: int) -> PublicSet:
    """The data set as that server publishes it: its addresses, its hashes where there are such, and ``scans``."""
    files = tuple(
        replace(
            file,
            urls=(f"{server.address}/{file.name}",),
            sha256=hashlib.sha256(server.files[file.name]).hexdigest() if file.sha256 else "",
        )
        for file in public.files
    )
    return replace(public, files=files, scans=scans, page=PAGE)


def zipped(folder: Path, top: str = "") -> bytes:
    """All files below a folder as an archive, under a folder ``top``."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, Path(top) / path.relative_to(folder))
    return packed.getvalue()


def write_verse(root: Path, name: str, image: Volume, labels: LabelMap, landmarks: Landmarks) -> None:
    """One scan in the subject-based structure of VerSe; name: such as sub-verse401_split-verse201."""
    subject = name.split("_")[0]
    for kind in ("rawdata", "derivatives"):
        (root / kind / subject).mkdir(parents=True, exist_ok=True)
    write_image(image, root / "rawdata" / subject / f"{name}_ct.nii.gz")
    (root / "rawdata" / subject / f"{name}_ct.json").write_text('{"KVP": "120"}')
    write_image(labels, root / "derivatives" / subject / f"{name}_seg-vert_msk.nii.gz")
    write_verse_json(landmarks, root / "derivatives" / subject / f"{name}_seg-subreg_ctd.json", image.grid)
    (root / "derivatives" / subject / f"{name}_seg-vert_snp.png").write_bytes(b"a picture")


def write_spider(root: Path, name: str, image: Volume, labels: LabelMap) -> None:
    """One series in the structure of SPIDER; name: such as 1_t1."""
    for kind, volume in (("images", image), ("masks", labels)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        write_image(volume, root / kind / f"{name}.mha")


def overview(subsets: Mapping[str, str]) -> bytes:
    """The table of SPIDER that names each series' subset."""
    rows = ["new_file_name,subset,num_vertebrae,sex", *(f"{name},{subset},7,F" for name, subset in subsets.items())]
    return "\n".join(rows).encode() + b"\n"
