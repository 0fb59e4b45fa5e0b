"""Conventions of file names: which files are label maps, and which annotations belong to which image."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from utility_functions.files.delimited import delimiter_of
from utility_functions.files.images import stem_of, suffix_of
from utility_functions.files.provenance import is_prediction
from utility_functions.json_records import parsed_json

# Last words that make a file name that of a label map; further words that may stand between image name and them.
_MASK_WORDS = ("mask", "msk", "seg", "segmentation", "label", "labels", "labelmap", "vertebrae", "gt", "verse_ids")
_MASK_NAME = re.compile(rf"(^|[_.-])({'|'.join(_MASK_WORDS)}|tissues)$|(^|_)seg-", re.IGNORECASE)
_MASK_TAIL = re.compile(rf"[-_. ](vert_|vertebrae_|spine_|manual_)*({'|'.join(_MASK_WORDS)})(\.seg)?", re.IGNORECASE)
_MASK_FOLDERS = ("masks", "labels", "labelstr", "labelsts", "segmentations", "derivatives")
# Words at the end of a BIDS name that say what kind of image it is.
_KINDS = ("ct", "mr", "mri", "t1", "t2", "t1w", "t2w", "pd", "pdw", "flair", "dixon", "msk", "seg", "ctd", "poi")
_SPIDER_NAME = re.compile(r"^(\d+)_t[12](_space)?$", re.IGNORECASE)
_CSI2014_NAME = re.compile(r"^case\d+\.mhd$", re.IGNORECASE)
# Endings of landmark files, the most trusted first; those before the bare .json are not opened for a check.
_CERTAIN_ENDINGS = (".lml", "_ctd.json", "_poi.json", "_centroids.json", ".mrk.json")
_LANDMARK_ENDINGS = (*_CERTAIN_ENDINGS, ".json", ".csv")


class Neighbours:
    """The files of folders by the first word of their names; each folder is listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, dict[str, list[Path]]] = {}

    def near(self, folder: Path, image: Path) -> list[Path]:
        """Files in ``folder`` other than ``image`` whose name starts with the same word as the image's."""
        if folder not in self._listed:
            words: dict[str, list[Path]] = {}
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                words.setdefault(_first_word(path.name), []).append(path)
            self._listed[folder] = words
        found = self._listed[folder].get(_first_word(image.name), [])
        return [path for path in found if path != image and path.is_file()]


def is_label_map_name(path: Path, root: Path | None = None) -> bool:
    """Whether an image file's name, or a folder it lies in below ``root``, says that it holds labels."""
    folders = path.relative_to(root).parts[:-1] if root is not None else ()
    return bool(_MASK_NAME.search(stem_of(path))) or any(folder.lower() in _MASK_FOLDERS for folder in folders)


def label_map_of(image: Path, neighbours: Neighbours) -> Path | None:
    """The label map of vertebrae that belongs to an image, by its name; None where there is none."""
    found = []
    for folder in _annotation_folders(image):
        for path in neighbours.near(folder, image):
            tail = _tail(image, path)
            if (
                tail is None
                or suffix_of(path) is None
                or "subreg" in tail
                or "seg-spine" in tail
                or is_prediction(path)
            ):
                continue
            if is_label_map_name(path) or folder != image.parent:
                found.append(("vert" not in tail and "verse" not in tail, str(path), path))
    return min(found)[2] if found else None


def tissues_of(image: Path) -> Path | None:
    """The map of tissues that lies beside a phantom's image; None where there is none."""
    path = image.with_name(f"{stem_of(image)}_tissues.nii.gz")
    return path if path.is_file() else None


def label_code_of(image: Path, label_map: Path | None) -> str:
    """The code of a label map (see LABEL_CODES) by its name; "verse" where the name has none."""
    if label_map is None:
        return "verse"
    if _SPIDER_NAME.match(stem_of(image)) and label_map.parent.name.lower() == "masks":
        return "spider"
    if _CSI2014_NAME.match(image.name) and stem_of(label_map).lower() == f"{stem_of(image).lower()}_label":
        return "csi2014"
    return "spineps" if "_seg-vert_" in label_map.name.lower() else "verse"


def landmarks_of(image: Path, neighbours: Neighbours) -> Path | None:
    """The landmark file that belongs to an image, by its name; None where there is none."""
    return next(
        (path for path in _landmark_files(image, _annotation_folders(image), neighbours) if not is_prediction(path)),
        None,
    )


def landmark_files_in(folder: Path, name: str) -> list[Path]:
    """The landmark files in a folder that belong to the scan called ``name``, predictions too, best trusted first."""
    return list(_landmark_files(Path(f"{name}.nii.gz"), [folder], Neighbours()))


def spider_patient(image: Path) -> str:
    """The number of the patient in a name of the SPIDER data set, "" in any other."""
    found = _SPIDER_NAME.match(stem_of(image))
    return found.group(1) if found else ""


def _landmark_files(image: Path, folders: Iterable[Path], neighbours: Neighbours) -> Iterator[Path]:
    """The files of landmarks in folders that belong to an image by their names, the most trusted first."""
    found = []
    for folder in folders:
        for path in neighbours.near(folder, image):
            name = path.name.lower()
            rank = next((rank for rank, ending in enumerate(_LANDMARK_ENDINGS) if name.endswith(ending)), None)
            if rank is not None and _tail(image, path) is not None:
                found.append((rank, str(path), path))
    return (path for _, _, path in sorted(found) if _holds_points(path))


def _first_word(name: str) -> str:
    return re.split("[-_. ]", name, maxsplit=1)[0]


def _annotation_folders(image: Path) -> Iterator[Path]:
    """Where annotations of an image may lie: beside it, below (SPINEPS), in masks (SPIDER) or derivatives (VerSe)."""
    yield image.parent
    yield image.parent / "derivatives_seg"
    folder = image.absolute().parent
    if folder.name.lower() == "images":
        yield folder.with_name("masks")
    parts = list(folder.parts)
    if "rawdata" in parts:
        parts[len(parts) - 1 - parts[::-1].index("rawdata")] = "derivatives"
        yield Path(*parts)


def _tail(image: Path, other: Path) -> str | None:
    """What another file's stem says beyond the image's; None when that file is of another image."""
    ours, theirs = stem_of(image), stem_of(other)
    kept, extra = _bids(theirs)
    if theirs == ours:
        return ""
    if extra.endswith(("_msk", "_ctd", "_poi")) and kept in (ours, _bids(ours)[0]):
        return extra
    tail = theirs[len(ours) :].lower() if theirs.startswith(ours) else ""
    return tail if tail in ("_ctd", "_poi", "_centroids") or _MASK_TAIL.fullmatch(tail) else None


def _bids(stem: str) -> tuple[str, str]:
    """A BIDS name without the words that distinguish an image from its annotations, and those words."""
    words = stem.split("_")
    extra = [word for word in words[:-1] if word.startswith(("seg-", "mod-"))]
    if words[-1].lower() in _KINDS:
        extra.append(words[-1])
    return "_".join(word for word in words if word not in extra), "_" + "_".join(extra).lower()


def _holds_points(path: Path) -> bool:
    """Whether a .json or .csv that only shares the image's name holds landmarks rather than notes on the scan."""
    name = path.name.lower()
    if name.endswith(_CERTAIN_ENDINGS):
        return True
    try:
        if name.endswith(".csv"):
            header = path.read_bytes().removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].decode("utf-8", "replace")
            columns = next(csv.reader([header], delimiter=delimiter_of(header)), [])
            return {"x", "y", "z"} <= {column.strip().lower() for column in columns}
        content = parsed_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False
    return isinstance(content, list) or (isinstance(content, dict) and "markups" in content)
