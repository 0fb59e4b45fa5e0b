"""Archives unpacked whole or not at all, with every member checked by its CRC."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.unfinished_folders import unfinished_folder

JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db")


def unpacked(archive: Path, target: Path) -> Path:
    """``target``, with the contents of a zip file, unless it is there already.

    A top folder of the target's own name is not doubled. What a desktop adds to archives is left out.
    Raises: BrokenFile, in one sentence, for a damaged archive, which is removed, and for one that would write
    elsewhere; OSError where the disk is too small.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with unfinished_folder(target) as beside:
            room = beside / "contents"
            room.mkdir()
            _unpack(archive, room)
            inner = room / target.name
            whole = inner if inner.is_dir() and len(list(room.iterdir())) == 1 else room
            whole.replace(target)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        archive.unlink()
        raise BrokenFile(f"{archive} is damaged ({_reason(error)}) and was removed: download it again.") from error
    return target


def _unpack(archive: Path, room: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        members = [member for member in packed.infolist() if not _is_junk(member)]
        for member in members:
            parts = PurePosixPath(member.filename).parts
            if ".." in parts or member.filename.startswith(("/", "\\")) or ":" in member.filename:
                raise BrokenFile(
                    f"{archive} would write outside of its folder ({member.filename}) and is not unpacked."
                )
            if member.flag_bits & 1:
                raise BrokenFile(f"{archive} needs a password and is not unpacked.")
        needed, free = sum(member.file_size for member in members), shutil.disk_usage(room).free
        if needed > free:
            raise OSError(f"{room.parent}: {archive.name} needs {needed} bytes, and {free} are free.")
        for member in tqdm(members, desc=f"unpacking {archive.name}", unit="file"):
            packed.extract(member, room)


def _is_junk(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    return any(part in JUNK or part.startswith("._") for part in parts)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
