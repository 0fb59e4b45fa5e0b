"""The public data sets that can be downloaded: addresses, hashes, licence, citation, and how they are split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Split = Literal["training", "validation", "testing", ""]


@dataclass(frozen=True)
class PublishedFile:
    """One file of a data set, as it is published.

    name: of the file. urls: addresses of the same content, in the order in which they are tried.
    unpacked_to: the folder of its contents, below that of the data set; "" for a table, which stays as it is.
    split: the split of all its scans; "" where a table tells it.
    sha256: as published; "" where no hash is published, or where the server packs the file anew for each download.
    """

    name: str
    urls: tuple[str, ...]
    unpacked_to: str = ""
    split: Split = ""
    sha256: str = ""


@dataclass(frozen=True)
class PublicSet:
    """A data set that anybody may download.

    page: where it is published. label_code: the code of its label maps. scans: how many it has, as published.
    with_landmarks: whether every scan comes with centroids. split_table: the table that names each scan's split; ""
    where each archive is one split.
    """

    name: str
    title: str
    page: str
    licence: str
    citation: str
    files: tuple[PublishedFile, ...]
    scans: int
    label_code: str
    with_landmarks: bool = False
    split_table: str = ""


_BY_SA = "CC BY-SA 4.0, https://creativecommons.org/licenses/by-sa/4.0/"
_BY = "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"
_VERSE_PAPERS = (
    "Sekuboyina et al., VerSe: A Vertebrae Labelling and Segmentation Benchmark for Multi-detector CT Images, Medical "
    "Image Analysis 73, 2021, doi:10.1016/j.media.2021.102166; Loeffler et al., A Vertebral Segmentation Dataset with "
    "Fracture Grading, Radiology: Artificial Intelligence, 2020, doi:10.1148/ryai.2020190138; Liebl, Schinz et al., A "
    "Computed Tomography Vertebral Segmentation Dataset with Anatomical Variations and Multi-Vendor Scanner Data, "
    "2021, arXiv:2103.06360"
)
_SPIDER_PAPER = (
    "van der Graaf et al., Lumbar spine segmentation in MR images: a dataset and a public benchmark, Scientific Data "
    "11, 2024, doi:10.1038/s41597-024-03090-w"
)
_BONESCREEN = "https://s3.bonescreen.de/public/VerSe-complete"
_OSF = "https://files.de-1.osf.io/v1/resources"
_ZENODO = "https://zenodo.org/records/10159290/files"
_SPLITS: tuple[tuple[Split, str], ...] = (("training", "training"), ("validation", "validation"), ("testing", "test"))
_OSF_FOLDERS: Mapping[str, tuple[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "19": ("jtfa5", ("5ffca086e80d370320a594cc", "5ffcb524ba0109031c8931fa", "5ffcbd71e80d370336a56f8c")),
        "20": ("4skx2", ("5ffa463786541a01e714d390", "5ffa463686541a01eb15048c", "5ffa4635ba010901f0891bd0")),
    }
)
"""By year the project at OSF with the subject-based structure, and its folders of training, validation and test."""


def _verse(year: str, scans: int) -> PublicSet:
    project, folders = _OSF_FOLDERS[year]
    files = []
    for (split, word), folder in zip(_SPLITS, folders, strict=True):
        name = f"dataset-verse{year}{word}.zip"
        urls = (f"{_BONESCREEN}/{name}", f"{_OSF}/{project}/providers/osfstorage/{folder}/?zip=")
        files.append(PublishedFile(name, urls, split, split))
    return PublicSet(
        name=f"verse{year}",
        title=f"VerSe'{year}, subject-based structure",
        page="https://github.com/anjany/verse",
        licence=_BY_SA,
        citation=_VERSE_PAPERS,
        files=tuple(files),
        scans=scans,
        label_code="verse",
        with_landmarks=True,
    )


def _spider() -> PublicSet:
    archives = {
        "images": "a54cba2905284ff6cc9999f1dd0e4d871c8487187db7cd4b068484eac2f50f17",
        "masks": "13a6e25a8c0d74f507e16ebb2edafc277ceeaf2598474f1fed24fdf59cb7f18f",
    }
    tables = ("overview.csv", "radiological_gradings.csv")
    return PublicSet(
        name="spider",
        title="SPIDER, version 4",
        page="https://zenodo.org/records/10159290",
        licence=_BY,
        citation=_SPIDER_PAPER,
        files=(
            *(PublishedFile(name, (f"{_ZENODO}/{name}?download=1",)) for name in tables),
            *(
                PublishedFile(f"{name}.zip", (f"{_ZENODO}/{name}.zip?download=1",), name, sha256=sha256)
                for name, sha256 in archives.items()
            ),
        ),
        scans=447,
        label_code="spider",
        split_table="overview.csv",
    )


PUBLIC_SETS: Mapping[str, PublicSet] = MappingProxyType(
    {each.name: each for each in (_verse("19", 160), _verse("20", 214), _spider())}
)
"""By name. The archives of VerSe'20 hold the 214 scans that VerSe'19 has not; the challenge of 2020 used 105 of both.

The hashes of SPIDER are those of torch-em (torch_em/data/datasets/medical/spider.py). None is published for VerSe.
"""
