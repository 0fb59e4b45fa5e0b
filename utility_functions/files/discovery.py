"""Discovery of scans in a folder: image files and DICOM series, with the annotations that match by name."""

from __future__ import annotations

import itertools
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from utility_functions.files import bids, dicom
from utility_functions.files import file_names as siblings
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case
from utility_functions.files.images import IMAGE_SUFFIXES, stem_of, suffix_of
from utility_functions.files.origin import origin_of
from utility_functions.files.provenance import is_prediction
from utility_functions.files.unfetched import leads_nowhere, told_links
from utility_functions.files.utf8_names import require_utf8

log = logging.getLogger(__name__)

SPLITS = {
    "training": ("training", "train", "tr"),
    "validation": ("validation", "val", "valid", "dev"),
    "testing": ("testing", "test", "ts"),
}
# Words that a folder's name may hold beside the split.
_DATA_WORDS = ("data", "dataset", "datasets", "set", "scans", "images", "cases", "verse", "csi", "spider", "ct", "mr")
# Files with these endings are never opened in search of DICOM.
_NOT_DICOM = (".json", ".csv", ".tsv", ".txt", ".lml", ".md", ".html", ".png", ".jpg", ".gz", ".raw", ".zraw", ".h5")


def cases_in(folder: Path) -> list[Case]:
    """Every scan below a folder; links that lead nowhere are named. Raises: BrokenFile when there is none."""
    lost: list[Path] = []
    found = list(_images(folder, set(), lost))
    if lost and found:
        log.warning("%s: %s.", folder, told_links(lost))
    images = [path for path in found if path.is_dir() or not _holds_labels(path, folder)]
    if (root := bids.data_set_root(folder.absolute())) is not None:
        images = [path for path in images if not bids.holds_no_scan(path.absolute(), root)]
    if not images:
        only = f"only label maps, such as {found[0].name}" if found else f"{', '.join(IMAGE_SUFFIXES)} or DICOM series"
        why = told_links(lost) if lost else f"{'there are ' if found else 'looked for '}{only}"
        raise BrokenFile(f"{folder}: no scan was found in it ({why}).")
    names, neighbours = _unique_names(images, folder), siblings.Neighbours()
    for path, name in zip(images, names, strict=True):
        if number := series_number(path, images):
            log.info("%s: series %d, such as %s, is the scan %s.", path.parent, number, path.name, name)
    return [case_of(path, name, folder, neighbours) for path, name in zip(images, names, strict=True)]


def case_of(
    image: Path, name: str | None = None, root: Path | None = None, neighbours: siblings.Neighbours | None = None
) -> Case:
    """The case of one image file or DICOM folder, with the annotations that lie beside it.

    root: the folder that was searched; folders below it, or else its own name, may name the split.
    """
    neighbours = neighbours or siblings.Neighbours()
    require_utf8(image.absolute())
    origin = origin_of(image)
    label_map = siblings.label_map_of(image, neighbours)
    return Case(
        case_id=name or stem_of(image),
        image_path=image,
        patient=origin.patient or stem_of(Path(name or "")),  # one scan in two formats is one patient
        study=origin.study,
        frame=origin.frame,
        modality=origin.modality,
        modality_told=origin.told,
        split=_split_of(image.relative_to(root).parts[:-1]) or _split_of_root(root) if root is not None else "",
        landmarks_path=siblings.landmarks_of(image, neighbours),
        label_map_path=label_map,
        label_code=siblings.label_code_of(image, label_map),
        tissue_path=siblings.tissues_of(image),
    )


def split_named(word: str) -> str | None:
    """ "training", "validation" or "testing" for the ways in which they are written, or None."""
    return next((split for split, words in SPLITS.items() if word.strip().lower() in words), None)


def _holds_labels(path: Path, root: Path) -> bool:
    return siblings.is_label_map_name(path, root) or is_prediction(path)


def _split_of(folders: Sequence[str]) -> str:
    """The split in a folder's name, such as "dataset-01training"; "" without one."""
    words = [word for folder in folders for word in re.findall(r"[a-z]+", folder.lower())]
    return next((split for word in words if (split := split_named(word))), "")


def _split_of_root(root: Path) -> str:
    """The split in the root's own name where that holds nothing else: "testing_dataset", but not "test_run"."""
    words = re.findall(r"[a-z]+", (root.name if root.name not in ("", "..") else root.resolve().name).lower())
    telling = {split_named(word) for word in words if word not in _DATA_WORDS}
    return telling.pop() or "" if len(telling) == 1 else ""


def _images(folder: Path, seen: set[Path], lost: list[Path]) -> Iterator[Path]:
    """Image files and DICOM series folders below a folder, in order; hidden ones and loops of links left out.

    Links that lead nowhere are added to ``lost``.
    """
    if folder.resolve() in seen:
        return
    seen.add(folder.resolve())
    entries = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    lost += filter(leads_nowhere, entries)
    unknown = [path for path in entries if path.is_file() and suffix_of(path) is None and not is_prediction(path)]
    if any(dicom.is_slice(path) for path in unknown if path.suffix.lower() not in _NOT_DICOM):
        yield from map(require_utf8, dicom.scans_in(folder))
    for path in entries:
        if path.is_file() and suffix_of(path) is not None:
            yield require_utf8(path)
        elif path.is_dir():
            yield from _images(path, seen, lost)


def of_series(cases: Sequence[Case], number: int, source: Path) -> list[Case]:
    """The scans that are this series of their folder, from 1 on; a scan that is alone is the first.

    Raises: ValueError where there is none.
    """
    images = [case.image_path for case in cases]
    found = [case for case in cases if (series_number(case.image_path, images) or 1) == number]
    if not found:
        most = max((series_number(path, images) or 1 for path in images), default=0)
        raise ValueError(f"The series of {source} are numbered from 1 to {most}. Received: --series {number}.")
    return found


def series_number(image: Path, images: Sequence[Path]) -> int | None:
    """Which of several DICOM scans of one folder the image is, from 1 on; None for others."""
    if suffix_of(image) is not None or not image.is_file():
        return None
    beside = [path for path in images if path.parent == image.parent and suffix_of(path) is None and path.is_file()]
    return beside.index(image) + 1 if len(beside) > 1 else None


def _stem(image: Path, number: int | None) -> str:
    return stem_of(image) if number is None else f"{stem_of(image.parent)}-{number}"


def _unique_names(images: Sequence[Path], folder: Path) -> list[str]:
    """Stems; where one is not unique, the path below the folder, then with the suffix, then numbered."""
    stems = {path: _stem(path, series_number(path, images)) for path in images}
    names = list(stems.values())
    for longer in (
        lambda path: (*path.relative_to(folder).parts[:-1], stems[path]),
        lambda path: path.relative_to(folder).parts,
    ):
        count = Counter(names)
        names = ["_".join(longer(path)) if count[name] > 1 else name for path, name in zip(images, names, strict=True)]
    unique: list[str] = []
    for name in names:
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        unique.append(name if name not in unique else next(each for each in numbered if each not in {*names, *unique}))
    return unique
