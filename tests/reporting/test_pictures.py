"""Pictures and plots are written whole, whatever the scan and its landmarks are."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from utility_functions.files.images import read_image, read_label_map
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.naming_record import NamingRecord
from utility_functions.records.naming_scores import Bin
from utility_functions.reporting import pictures
from utility_functions.reporting.pictures import blended, scan_picture
from utility_functions.reporting.plots import curves, error_box_plot, read_log, reliability_plot
from utility_functions.reporting.views import View

GRID = Grid.from_spacing((10, 12, 14), (3, 2, 1), (-15, -12, -7), "LPS")
VOLUME = Volume(np.arange(10 * 12 * 14, dtype=np.int16).reshape(10, 12, 14), GRID)
INSIDE = GRID.to_mm([[5, 6, 7]])[0]

LANDMARKS = {
    "none": None,
    "empty": Landmarks.empty(),
    "one": Landmarks(("L1",), [INSIDE]),
    "unnamed": Landmarks(("", ""), [INSIDE, INSIDE + 1]),
    "outside": Landmarks(("L1", "L2"), [INSIDE, INSIDE + 500]),
    "all outside": Landmarks(("L1", "S1"), [INSIDE - 900, INSIDE + 500]),
    "many in one place": Landmarks(tuple(f"T{i}" for i in range(1, 14)), [INSIDE] * 13),
}


@pytest.mark.parametrize("true", LANDMARKS)
def test_any_landmarks_give_a_picture(true: str, tmp_path: Path) -> None:
    scan_picture(VOLUME, LANDMARKS["one"], tmp_path / "a.png", None, LANDMARKS[true], title="a $cost$ of_$")
    assert imread(tmp_path / "a.png").shape[2] in (3, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("predicted", LANDMARKS)
def test_any_predictions_give_a_picture(predicted: str, tmp_path: Path) -> None:
    labels = LabelMap(np.full(GRID.shape, 20, np.uint8), GRID)
    scan_picture(VOLUME, LANDMARKS[predicted], tmp_path / "new" / "a.png", labels)
    assert imread(tmp_path / "new" / "a.png").size


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 200, 1), (300, 3, 3)])
def test_scans_of_odd_shapes_give_a_picture_of_sane_size(shape: tuple[int, int, int], tmp_path: Path) -> None:
    volume = Volume(np.zeros(shape), Grid.from_spacing(shape, (1, 1, 4)))
    scan_picture(volume, Landmarks(("C1",), [(0, 0, 0)]), tmp_path / "a.png")
    rows, columns, _ = imread(tmp_path / "a.png").shape
    assert 200 < rows < 1300
    assert 400 < columns < 2000


def test_names_never_overlap_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    monkeypatch.setattr(pictures, "write_figure", lambda figure, path: kept.append(figure))
    grid = Grid.from_spacing((50, 60, 100), 3)
    heights = 290 - np.cumsum([0, *[17] * 6, *[1] * 5])
    crowded = Landmarks(tuple(f"T{i}" for i in range(1, 13)), [(75, 90, z) for z in heights])
    scan_picture(Volume(np.zeros(grid.shape), grid), crowded, tmp_path / "a.png", true_landmarks=crowded)
    figure = kept[0]
    figure.canvas.draw()
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts if text.get_text().startswith("T")]
        assert len(boxes) == 24
        for place, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[place + 1 :])


def test_labels_are_half_transparent_over_the_scan() -> None:
    pixels = np.array([[0, 50, 100, np.nan]], np.float32)
    view = View(pixels, np.array([[0, 0, 20, 0]]), (4, 0, 0, 1), 1, ("A", "P", "S", "I"))
    image = blended(view, 0, 100)
    assert image[0, 0].tolist() == [0, 0, 0]
    assert image[0, 1].tolist() == [0.5, 0.5, 0.5]
    assert 0.5 < image[0, 2].min() < image[0, 2].max() <= 1
    assert image[0, 3].tolist() == [0, 0, 0]


def test_curves_of_a_history_and_of_its_log_are_the_same(tmp_path: Path) -> None:
    history = {"loss": [1.0, 0.5], "val_loss": [1.5, float("nan")], "dice_1": [0.1, 0.2], "name": []}
    curves({name: values for name, values in history.items() if values}, tmp_path / "a.png")
    (tmp_path / "log.csv").write_text("epoch,loss,val_loss,dice_1,remark\n0,1,1.5,.1,\n1,.5,,.2,best\n")
    curves(tmp_path / "log.csv", tmp_path / "b.png")
    assert np.array_equal(imread(tmp_path / "a.png"), imread(tmp_path / "b.png"))
    assert list(read_log(tmp_path / "log.csv")) == ["epoch", "loss", "val_loss", "dice_1"]


def test_a_history_without_epochs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Received"):
        curves({"loss": []}, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("distances", [{}, {"L1": []}, {"L1": [3.0]}, {"T13": [1.0, 2.0], "C1": [9.0], "L6": [0.0]}])
def test_box_plots_of_few_or_no_pairs_are_drawn(distances: dict[str, list[float]], tmp_path: Path) -> None:
    error_box_plot(distances, tmp_path / "a.png")
    assert imread(tmp_path / "a.png").size


@pytest.mark.real
def test_a_real_scan_gives_a_picture(real: Path, tmp_path: Path) -> None:
    volume = read_image(real / "verse014/sub-verse014_ct.nii.gz")
    labels = read_label_map(real / "verse014/sub-verse014_seg-vert_msk.nii.gz")
    scan_picture(volume, None, tmp_path / "a.png", labels)
    assert imread(tmp_path / "a.png").std() > 0.1


def test_interpolated_levels_are_hollow_and_false_positives_are_crosses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    monkeypatch.setattr(pictures, "write_figure", lambda figure, path: kept.append(figure))
    landmarks = Landmarks(("L1", "L2"), [INSIDE, INSIDE + 2])
    x, y, z = INSIDE
    naming = NamingRecord({"L1": 0.9}, ("L2",), ((float(x) + 3, float(y), float(z)),), warning="Doubtful.")
    scan_picture(VOLUME, landmarks, tmp_path / "a.png", title="a", naming=naming)
    words = [text.get_text() for text in kept[0].texts]
    assert "a    Doubtful." in words and any("hollow: interpolated, not detected (L2)" in text for text in words)
    marks = [(line.get_marker(), line.get_markerfacecolor()) for axes in kept[0].axes for line in axes.lines]
    assert ("x", "tomato") in marks and [face for mark, face in marks if mark == "o"].count("none") == 2


def test_a_reliability_plot_is_written_whatever_the_bins(tmp_path: Path) -> None:
    for bins in ((), (Bin(0.9, 1.0, 3),), (Bin(0.2, 0.0, 1), Bin(0.95, 0.9, 400))):
        reliability_plot(bins, tmp_path / "a.png")
        assert imread(tmp_path / "a.png").size
