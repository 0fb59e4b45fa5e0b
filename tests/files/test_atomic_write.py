"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from utility_functions.files import itk, nifti
from utility_functions.files.atomic_write import require_room, require_writable, write_text, written_whole
from utility_functions.files.images import IMAGE_SUFFIXES, read_image, write_image


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_is_there_only_after_the_block_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new" / "table.csv"
    with written_whole(path) as place:
        assert place.suffix == ".csv" and place.parent.parent == path.parent
        place.write_text("a")
        assert not path.exists()
    assert path.read_text() == "a" and names_in(path.parent) == ["table.csv"]


def test_a_failed_write_keeps_the_existing_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as place:
        place.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and names_in(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_an_image_that_fails_half_way_leaves_the_former_one(suffix, tmp_path, marked, oblique_grid, monkeypatch):
    path = tmp_path / f"scan{suffix}"
    write_image(marked(oblique_grid), path)

    def fail(place, voxels, grid):
        place.write_bytes(b"half")
        raise OSError("no space left on the device")

    monkeypatch.setattr(nifti, "write", fail)
    monkeypatch.setattr(itk, "write", fail)
    with pytest.raises(OSError, match="no space"):
        write_image(marked(oblique_grid), path)
    np.testing.assert_array_equal(read_image(path).voxels, marked(oblique_grid).voxels)


def test_a_killed_process_leaves_the_former_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    code = (
        "import os, sys; from pathlib import Path; from utility_functions.files.atomic_write import written_whole\n"
        "with written_whole(Path(sys.argv[1])) as place:\n"
        "    place.write_text('half'); os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert path.read_text() == "old"
    assert [name for name in names_in(tmp_path) if name[0] != "."] == ["table.csv"]


def test_the_error_names_the_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "table.csv", tmp_path):
        with pytest.raises(OSError, match=str(path)):
            write_text(path, "a")


def test_whether_a_folder_can_be_written_to_is_reported_without_leaving_a_trace(tmp_path, monkeypatch):
    require_writable(tmp_path / "results" / "today")
    assert names_in(tmp_path) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file is a file"):
        require_writable(tmp_path / "file" / "results")

    def refuse(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    for write in (lambda path: require_writable(path.parent), lambda path: write_text(path, "a")):
        with pytest.raises(OSError, match=r"results.* cannot be written( to)?: Permission denied\."):
            write(tmp_path / "results" / "a.csv")


def test_a_full_disk_names_the_file_that_was_meant(tmp_path):
    words = r"table\.csv cannot be written: No space left on device\.$"
    with pytest.raises(OSError, match=words), written_whole(tmp_path / "table.csv"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names_in(tmp_path) == []


def test_room_for_a_file_is_asked_for_without_leaving_any(tmp_path):
    require_room(tmp_path / "model.h5", 10_000)
    with pytest.raises(OSError, match=r"model\.h5 cannot be written: "):
        require_room(tmp_path / "model.h5", 2**60)
    assert names_in(tmp_path) == []
