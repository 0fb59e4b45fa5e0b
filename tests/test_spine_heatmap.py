"""The spine heatmap: published numbers, samples that carry points, and runs on scans of every size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from learning_functions.samples.cut.sample_points import POINT_NUMBERS
from learning_functions.task import Settings, load_task, settings_of
from learning_functions.tasks.spine_heatmap import JUDGED
from tests.tiny import phantom, scan_of
from tests.views import view_of
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.files.cases import Case, Scan
from utility_functions.geometry.grid import Grid, direction_matrix
from utility_functions.geometry.volume import Volume
from utility_functions.phantom.scanner import make_phantom

TASK = load_task("spine_heatmap")


def settings_at(preset: str, patch: tuple[int, int, int], spacing_mm: float = 8.0, **options: object) -> Settings:
    settings = settings_of(TASK, preset)
    spec = replace(settings.spec, patch=patch, spacing_mm=(spacing_mm,) * 3)
    return settings.changed(spec=spec, samples_per_scan=6).with_options(**options)


def test_presets_hold_the_published_numbers() -> None:
    paper, topdown = settings_of(TASK, "paper"), settings_of(TASK, "topdown")
    assert paper.spec.spacing_mm == (8.0, 8.0, 8.0) and paper.spec.patch == topdown.spec.patch == (64, 64, 128)
    assert (paper.filters, paper.batch, paper.learning_rate) == (64, 2, 1e-4)
    assert paper.options.sigma_voxels == 4.0 and paper.options.loss == "squares" and not paper.options.resized
    assert topdown.options.sigma_voxels == 10.0 and topdown.options.resized
    assert topdown.spec.window == (-1024.0, 3071.0) and topdown.spec.intensity == "window"
    assert type(TASK.objective(topdown).loss).__name__ == "HeatDivergence"
    assert type(TASK.objective(paper).loss).__name__ == "HeatError"


@pytest.mark.parametrize("preset", ["paper", "topdown", "small", "shipped"])
def test_the_network_is_as_its_preset_says(preset: str) -> None:
    settings = settings_of(TASK, preset).changed(filters=2)
    network = TASK.network(settings)
    assert network.output_shape == network.input_shape == (None, *settings.spec.patch, 1)
    widths = [layer.filters for layer in network.layers if type(layer).__name__ == "Conv3D"]
    assert (len(set(widths[:-1])) == 1) == (preset == "paper"), "the published stage has one number of filters"


def points_of(numbers: np.ndarray) -> dict[str, np.ndarray]:
    places = dict(zip(VERTEBRAE, numbers.reshape(-1, 3), strict=True))
    return {name: point for name, point in places.items() if np.isfinite(point).all()}


@pytest.mark.parametrize("axcodes", ["RAS", "PIL"])
@pytest.mark.parametrize("resized", [False, True])
def test_points_lie_on_their_vertebrae(resized: bool, axcodes: str) -> None:
    """On an image that is bright at a centroid, samples are bright at its point."""
    made = phantom(2, axcodes)
    grid = made.volume.grid
    name = "L3"
    away = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1)) - made.landmarks.point(name)
    image = (1000 * np.exp(-0.5 * (away**2).sum(axis=-1) / 12.0**2) - 500).astype(np.int16)
    scan = Scan(Case("p", Path("p.nii.gz")), Volume(image, grid), made.landmarks)
    settings = settings_at("small", (24, 22, 26), 6.0, resized=resized)
    shown = 0
    for sample in TASK.samples(scan, settings, np.random.default_rng(1)):
        assert sample.numbers is not None and sample.numbers.shape == (len(POINT_NUMBERS),)
        assert sample.inputs.shape == (24, 22, 26, 1) and set(np.unique(sample.targets)) <= {0, JUDGED}
        point = points_of(sample.numbers)[name]
        if ((point >= 1) & (point < np.array((24, 22, 26)) - 2)).all():
            shown += 1
            brightest = np.unravel_index(sample.inputs[..., 0].argmax(), sample.targets.shape)
            assert np.abs(point - brightest).max() < 1.0
    assert shown >= (6 if resized else 2)


def test_a_resized_image_shows_all_of_the_scan() -> None:
    made = phantom(2, "LSA")
    settings = settings_of(TASK, "topdown")
    images = settings.grid_of(made.volume.grid)
    assert images.shape == (64, 64, 128) and images.axcodes == "RAS"
    for grid in (images, made.volume.grid):
        corners = grid.corners_mm() @ direction_matrix("RAS")
        np.testing.assert_allclose(np.ptp(corners, axis=0), np.ptp(made.volume.grid.corners_mm(), axis=0), rtol=1e-6)
    np.testing.assert_allclose(images.corners_mm().mean(axis=0), made.volume.grid.corners_mm().mean(axis=0), atol=1e-6)


def test_targets_made_in_batches_peak_at_every_centroid() -> None:
    settings = settings_at("small", (24, 24, 40), 8.0)
    made = make_phantom(np.random.default_rng(3), region="lumbar", spacing_mm=8.0)
    samples = TASK.samples(scan_of(made), settings, np.random.default_rng(1))
    numbers = np.stack([sample.numbers for sample in samples])
    drawn, weights = TASK.arrange(np.stack([sample.targets for sample in samples]), None, numbers, settings)  # type: ignore[attr-defined]
    drawn = np.asarray(drawn)
    assert weights is None and drawn.shape == (6, 24, 24, 40, 2) and drawn[..., 0].max() > 0.9
    for response, judged, sample in zip(drawn[..., 0], drawn[..., 1], samples, strict=True):
        np.testing.assert_array_equal(judged, sample.targets)
        for point in points_of(sample.numbers).values():
            at = np.rint(point).astype(int)
            if ((at >= 0) & (at < response.shape)).all():
                assert response[tuple(at)] > 0.3


def test_a_scan_without_a_vertebra_inside_is_refused() -> None:
    made = phantom(1)
    far = Volume(made.volume.voxels, Grid.from_spacing(made.volume.grid.shape, 4.0, (9000.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match="No vertebra lies inside"):
        TASK.samples(
            Scan(Case("p", Path("p")), far, made.landmarks), settings_at("small", (16,) * 3), np.random.default_rng(1)
        )


class Bright:
    """Returns the image, and records its inputs."""

    def __init__(self) -> None:
        self.layers: list[Any] = []
        self.inputs = self.outputs = [SimpleNamespace(shape=(None, None, None, None, 1))]
        self.asked: list[tuple[int, ...]] = []

    def predict_on_batch(self, batch: np.ndarray) -> np.ndarray:
        self.asked.append(batch.shape)
        return batch


@pytest.mark.parametrize("shape", [(3, 4, 5), (12, 14, 40), (1, 30, 2)])
def test_scans_of_any_size_are_predicted(shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    from learning_functions.inference import sliding_window

    monkeypatch.setattr(sliding_window, "flexible", lambda network: network)
    settings = settings_at("small", (16, 16, 24))
    rng = np.random.default_rng(1)
    image = Volume(rng.uniform(-0.5, 1.5, shape).astype(np.float32), Grid.from_spacing(shape, 8.0))
    network = Bright()
    found = TASK.predict(network, settings, view_of(image, padding=-1.0))  # type: ignore[arg-type]
    assert found.heatmap is not None and not found.notes
    np.testing.assert_allclose(found.heatmap.voxels, np.clip(image.voxels, 0, 1), atol=1e-3)
    assert all(n >= p for n, p in zip(network.asked[0][1:4], (16, 16, 24), strict=True))


def test_a_scan_below_the_threshold_gives_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    from learning_functions.inference import sliding_window

    monkeypatch.setattr(sliding_window, "flexible", lambda network: network)
    image = Volume(np.full((5, 6, 7), -1.0, np.float32), Grid.from_spacing((5, 6, 7), 8.0))
    settings = settings_at("small", (8, 8, 8))
    found = TASK.predict(Bright(), settings, view_of(image, padding=-1.0))  # type: ignore[arg-type]
    assert found.notes == ("No spine was found.",)
