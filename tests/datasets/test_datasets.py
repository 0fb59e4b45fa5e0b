"""Public data sets from a server on this machine: complete, interrupted, corrupted, moved and incomplete."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.published import PAGE, Publisher, overview, published, publisher, write_spider, write_verse, zipped
from utility_functions.datasets.__main__ import main
from utility_functions.datasets.public_sets import PUBLIC_SETS, PublicSet
from utility_functions.datasets.unpacking import unpacked
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume

VERSE = {
    "training": ("sub-verse004", "sub-verse401_split-verse201", "sub-verse401_split-verse253"),
    "validation": ("sub-verse005",),
    "test": ("sub-verse006",),
}
SPIDER = {"1_t1": "training", "1_t2": "training", "2_t2_SPACE": "training", "3_t2": "validation"}
TOPS = {"training": "dataset-01training", "validation": "dataset-02validation", "test": ""}
"""The folder in each archive; archives of OSF have none."""


def scan_of(seed: int, labels: tuple[int, ...]) -> tuple[Volume, LabelMap, Landmarks]:
    grid = Grid.from_spacing((6, 7, 8 + seed % 3), (3.0, 3.0, 3.0))
    voxels = np.random.default_rng(seed).integers(-1000, 1000, grid.shape).astype(np.int16)
    mask = np.zeros(grid.shape, np.uint8)
    for place, label in enumerate(labels):
        mask[2:4, 2:4, 1 + 2 * place] = label
    return Volume(voxels, grid), LabelMap(mask, grid), Landmarks(("L1",), grid.to_mm([[2, 2, 1]]))


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The files of the miniatures by set and name."""
    root = tmp_path_factory.mktemp("published")
    found: dict[str, dict[str, bytes]] = {"verse19": {}, "spider": {}}
    for split, names in VERSE.items():
        for number, name in enumerate(names):
            write_verse(root / split, name, *scan_of(number, (20, 21)))
        (root / split / "__MACOSX").mkdir()
        (root / split / "__MACOSX" / "._x_ct.nii.gz").write_bytes(b"junk")
        found["verse19"][f"dataset-verse19{split}.zip"] = zipped(root / split, TOPS[split])
    for number, name in enumerate(SPIDER):
        write_spider(root / "spider", name, *scan_of(number, (1, 2))[:2])
    for kind in ("images", "masks"):
        found["spider"][f"{kind}.zip"] = zipped(root / "spider" / kind, kind)
    found["spider"]["overview.csv"] = overview(SPIDER)
    found["spider"]["radiological_gradings.csv"] = b"Patient,IVD label\n1,1\n"
    return found


class World(NamedTuple):
    """A server, and the sets as it publishes them."""

    server: Publisher
    sets: dict[str, PublicSet]


@pytest.fixture
def world(contents: dict[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("utility_functions.datasets.resumed_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr("utility_functions.datasets.resumed_download.CHUNK_BYTES", 100)  # as small as the miniatures
    with publisher(contents["verse19"] | contents["spider"]) as server:
        scans = {"verse19": 5, "spider": 4}
        yield World(server, {name: published(PUBLIC_SETS[name], server, count) for name, count in scans.items()})


class Ended(NamedTuple):
    code: int
    out: str
    errors: list[str]


@pytest.fixture
def run(world: World, capfd: pytest.CaptureFixture[str]):
    def command(*arguments: object) -> Ended:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments], world.sets)
        out, err = capfd.readouterr()
        return Ended(code, out, [line for line in err.replace("\r", "\n").splitlines() if line.startswith("error")])

    return command


def told(ended: Ended, *words: str) -> None:
    """Exit code 2, and one sentence that holds the words."""
    assert ended.code == 2 and len(ended.errors) == 1, ended
    assert all(word in ended.errors[0] for word in words), ended.errors


def listed(folder: Path) -> dict[str, tuple[str, str, str]]:
    return {case.case_id: (case.split, case.patient, case.label_code) for case in find_cases(folder)}


def test_verse_is_downloaded_unpacked_and_listed_with_its_official_splits(run, world: World, tmp_path: Path) -> None:
    ended = run("verse19", tmp_path / "verse")
    assert ended.code == 0 and not ended.errors
    for words in (
        "CC BY-SA 4.0",
        PAGE,
        "doi:10.1016/j.media.2021.102166",
        "5 scans (3 for training, 1 for validation, 1 for",
    ):
        assert words in ended.out
    assert listed(tmp_path / "verse") == {
        "sub-verse004_ct": ("training", "sub-verse004", "verse"),
        "sub-verse401_split-verse201_ct": ("training", "sub-verse401", "verse"),
        "sub-verse401_split-verse253_ct": ("training", "sub-verse401", "verse"),
        "sub-verse005_ct": ("validation", "sub-verse005", "verse"),
        "sub-verse006_ct": ("testing", "sub-verse006", "verse"),
    }
    for case in find_cases(tmp_path / "verse"):
        assert case.label_map_path and case.landmarks_path and case.modality == "CT"
    assert not (tmp_path / "verse" / "archives").exists() and not list(tmp_path.rglob("*MACOSX*"))
    shutil.move(tmp_path / "verse", tmp_path / "moved")
    assert len(find_cases(tmp_path / "moved", "testing")) == 1, "the manifest moves along"


def test_spider_gets_its_splits_from_its_table_and_its_hashes_are_checked(run, world: World, tmp_path: Path) -> None:
    ended = run("spider", tmp_path / "spider")
    assert ended.code == 0 and "CC BY 4.0" in ended.out
    assert listed(tmp_path / "spider") == {
        name: (subset, name.split("_")[0], "spider") for name, subset in SPIDER.items()
    }
    assert {case.modality for case in find_cases(tmp_path / "spider")} == {"MR"}
    known = json.loads((tmp_path / "spider" / "source.json").read_text())
    assert (known["name"], known["page"]) == ("spider", PAGE)
    for file in known["files"]:
        assert file["sha256"] == hashlib.sha256(world.server.files[file["name"]]).hexdigest()
        assert file["published"] == file["name"].endswith(".zip")
        assert file["url"] == f"{world.server.address}/{file['name']}"


def test_a_second_run_fetches_nothing_and_leaves_the_same(run, world: World, tmp_path: Path) -> None:
    run("spider", tmp_path)
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    world.server.asked.clear()
    assert run("spider", tmp_path).code == 0
    assert world.server.asked == []
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


def test_archives_are_kept_on_request_and_taken_where_they_lie(run, world: World, tmp_path: Path) -> None:
    assert run("verse19", tmp_path / "first", "--keep-archives").code == 0
    kept = tmp_path / "first" / "archives"
    assert {path.name for path in kept.iterdir()} == {file.name for file in world.sets["verse19"].files}
    shutil.copytree(kept, tmp_path / "second" / "archives")
    world.server.asked.clear()
    assert run("verse19", tmp_path / "second").code == 0
    assert world.server.asked == [] and listed(tmp_path / "second") == listed(tmp_path / "first")


def test_a_download_that_breaks_off_goes_on_by_itself(run, world: World, tmp_path: Path) -> None:
    name = "images.zip"
    size = len(world.server.files[name])
    world.server.cuts = [None, None, 700, 900]
    assert run("spider", tmp_path).code == 0
    asked = [(first, sent) for each, first, sent in world.server.asked if each == name]
    assert asked == [(0, 700), (700, 900), (1600, size - 1600)]


def test_a_run_that_was_interrupted_goes_on_where_it_ended(run, world: World, tmp_path: Path) -> None:
    name = "dataset-verse19validation.zip"
    world.server.cuts = [None, 700, 0, 0, 0, 0]
    told(
        run("verse19", tmp_path), name, "is not complete", "700 bytes of it arrived", "run the same command again", PAGE
    )
    assert (tmp_path / "training").is_dir() and not (tmp_path / "validation").exists()
    assert not (tmp_path / "manifest.csv").exists()
    world.server.asked.clear()
    assert run("verse19", tmp_path).code == 0
    size = len(world.server.files[name])
    assert world.server.asked[0] == (name, 700, size - 700)
    assert [each for each, _, _ in world.server.asked] == [name, "dataset-verse19test.zip"], "training was there"
    assert len(listed(tmp_path)) == 5


def test_an_answer_that_arrived_whole_before_the_end_of_the_run_is_not_fetched_again(
    run, world: World, tmp_path: Path
) -> None:
    name = "dataset-verse19training.zip"
    part = tmp_path / "archives" / f"{name}.part"
    part.parent.mkdir()
    part.write_bytes(world.server.files[name])
    url = world.sets["verse19"].files[0].urls[0]
    part.with_name(f"{part.name}.json").write_text(json.dumps({"url": url, "version": '"one"'}))
    assert run("verse19", tmp_path).code == 0
    assert world.server.asked[0] == (name, len(world.server.files[name]), 0) and len(listed(tmp_path)) == 5


@pytest.mark.parametrize("what", ["another version", "another address", "no ranges"])
def test_what_cannot_go_on_starts_anew(run, world: World, tmp_path: Path, what: str) -> None:
    name = "dataset-verse19training.zip"
    world.server.cuts = [700, 0, 0, 0, 0]
    assert run("verse19", tmp_path).code == 2
    if what == "another version":
        world.server.etags[name] = '"two"'
    elif what == "no ranges":
        world.server.ranges = False
    else:
        world.server.files[f"mirror/{name}"] = world.server.files[name]
        first, *others = world.sets["verse19"].files
        files = (replace(first, urls=(f"{world.server.address}/mirror/{name}",)), *others)
        world.sets["verse19"] = replace(world.sets["verse19"], files=files)
    assert run("verse19", tmp_path).code == 0
    assert len(listed(tmp_path)) == 5


def test_a_file_with_another_hash_is_removed_and_told(run, world: World, tmp_path: Path) -> None:
    content = world.server.files["images.zip"]
    world.server.files["images.zip"] = content[:300] + bytes([content[300] ^ 1]) + content[301:]
    told(run("spider", tmp_path), "images.zip is not the published file", "was removed", PAGE)
    assert not (tmp_path / "images").exists() and not list((tmp_path / "archives").iterdir())
    world.server.files["images.zip"] = content
    assert run("spider", tmp_path).code == 0


def test_a_file_that_lies_there_with_another_hash_is_removed_too(run, world: World, tmp_path: Path) -> None:
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives" / "masks.zip").write_bytes(b"not it")
    told(run("spider", tmp_path), "masks.zip is not the published file")
    assert run("spider", tmp_path).code == 0


@pytest.mark.parametrize("damage", ["a byte", "cut short", "a page in HTML"])
def test_a_damaged_archive_without_a_published_hash_is_removed_and_told(
    run, world: World, tmp_path: Path, damage: str
) -> None:
    name = "dataset-verse19training.zip"
    content = world.server.files[name]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = next(each for each in archive.infolist() if each.filename.endswith("004_ct.nii.gz"))
    place = member.header_offset + len(member.filename) + 30 + member.compress_size // 2
    world.server.files[name] = {
        "a byte": content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :],
        "cut short": content[: len(content) // 2],
        "a page in HTML": b"<html>",
    }[damage]
    told(run("verse19", tmp_path), name, "is damaged", "was removed")
    assert not (tmp_path / "training").exists() and not list((tmp_path / "archives").iterdir())
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    world.server.files[name] = content
    assert run("verse19", tmp_path).code == 0


def test_a_file_that_moved_is_fetched_from_the_next_address(run, world: World, tmp_path: Path) -> None:
    first, *others = world.sets["verse19"].files
    urls = (f"{world.server.address}/gone.zip", "http://127.0.0.1:9/closed.zip", *first.urls)
    world.sets["verse19"] = replace(world.sets["verse19"], files=(replace(first, urls=urls), *others))
    ended = run("verse19", tmp_path)
    assert ended.code == 0 and len(listed(tmp_path)) == 5
    known = json.loads((tmp_path / "source.json").read_text())
    assert known["files"][0]["url"] == first.urls[0]


def test_a_file_that_moved_for_good_is_told_with_the_page(run, world: World, tmp_path: Path) -> None:
    del world.server.files["dataset-verse19test.zip"]
    ended = run("verse19", tmp_path)
    told(ended, "dataset-verse19test.zip cannot be downloaded", "is no longer there (404", f"see {PAGE}", "archives")
    assert (tmp_path / "training").is_dir(), "what was finished is kept"


def test_a_server_that_cannot_be_reached_is_told(run, world: World, tmp_path: Path) -> None:
    files = tuple(replace(file, urls=("http://127.0.0.1:9/x.zip",)) for file in world.sets["verse19"].files)
    world.sets["verse19"] = replace(world.sets["verse19"], files=files)
    told(run("verse19", tmp_path), "http://127.0.0.1:9/x.zip cannot be reached", PAGE)


def test_what_is_missing_or_unusable_is_told_and_left_out(run, world: World, tmp_path: Path) -> None:
    """A mask less, a mask on another grid, centroids less, and a scan less than published."""
    with zipfile.ZipFile(io.BytesIO(world.server.files["dataset-verse19training.zip"])) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    other = members[next(name for name in members if "verse253_seg-vert_msk" in name)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            if "verse004_seg-vert_msk" not in name:
                archive.writestr(name, other if "verse201_seg-vert_msk" in name else content)
    world.server.files["dataset-verse19training.zip"] = packed.getvalue()
    world.sets["verse19"] = replace(world.sets["verse19"], scans=9)
    ended = run("verse19", tmp_path)
    assert ended.code == 2
    assert [line.split(" (")[0] for line in ended.errors] == [
        "error: 5 scans are there, and 9 are published.",
        "error: sub-verse004_ct: it has no label map, so it is left out.",
        "error: sub-verse401_split-verse201_ct: its label map lies on another grid",
    ]
    assert len(listed(tmp_path)) == 3
    assert run("verse19", tmp_path, "--skip-errors").code == 0


def test_a_patient_in_two_splits_is_told(run, world: World, tmp_path: Path) -> None:
    world.server.files["overview.csv"] = overview(SPIDER | {"1_t2": "validation"})
    ended = run("spider", tmp_path)
    assert ended.code == 2 and ended.errors == ["error: patient 1 is in training and validation."]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (overview({name: SPIDER[name] for name in list(SPIDER)[1:]}), "1 scans are not in it, such as 1_t1"),
        (overview(SPIDER | {"1_t1": "hidden"}), "the subset of 1_t1 is neither"),
        (b"a,b\n1,2\n", "is no table with the columns new_file_name and subset"),
        (b"\xff\xfe\x00", "is no table"),
    ],
)
def test_a_table_of_splits_that_cannot_be_used_is_told(run, world: World, tmp_path: Path, table, words: str) -> None:
    world.server.files["overview.csv"] = table
    told(run("spider", tmp_path), "overview.csv", words)


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "a/../../out.txt"])
def test_an_archive_that_would_write_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("good.txt", "x")
        archive.writestr(name, "x")
    with pytest.raises(BrokenFile, match="would write outside of its folder"):
        unpacked(tmp_path / "bad.zip", tmp_path / "in" / "target")
    assert [path.name for path in tmp_path.rglob("*.txt")] == [] and not (tmp_path / "in" / "target").exists()


def test_a_disk_that_is_too_small_is_told_before_it_is_full(
    run, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 90, 10))
    told(run("spider", tmp_path), "bytes are needed, and 10 are free")


def test_without_pooch_the_extra_is_named(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    told(run("spider", tmp_path), 'pip install "spine-levels[datasets]"')


def test_the_sets_are_published_at_https_addresses_with_a_page_a_licence_and_a_citation() -> None:
    assert list(PUBLIC_SETS) == ["verse19", "verse20", "spider"]
    for public in PUBLIC_SETS.values():
        assert public.licence.startswith("CC BY") and "doi:" in public.citation and public.page.startswith("https://")
        assert all(url.startswith("https://") for file in public.files for url in file.urls)
        assert all(file.unpacked_to or file.name.endswith(".csv") for file in public.files)
        assert all(len(file.sha256) in (0, 64) for file in public.files)


def test_the_manifest_is_one_that_people_can_read(run, tmp_path: Path) -> None:
    run("verse19", tmp_path)
    with (tmp_path / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["image_path"] == "training/dataset-01training/rawdata/sub-verse004/sub-verse004_ct.nii.gz"
    assert rows[-1]["image_path"] == "testing/rawdata/sub-verse006/sub-verse006_ct.nii.gz"
    assert rows[0]["mask_path"].endswith("derivatives/sub-verse004/sub-verse004_seg-vert_msk.nii.gz")
