"""The body round the spine: smooth outlines, positions of organs, ranges of tissues."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.phantom.arms import paint_arms
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.layers import paint_layers
from utility_functions.phantom.lofts import curve, loft, spindle, tube
from utility_functions.phantom.muscles import paint_canal, paint_muscles
from utility_functions.phantom.organs import paint_organs
from utility_functions.phantom.packing import packed
from utility_functions.phantom.posture import draw_spine
from utility_functions.phantom.shapes import Frame, ellipsoid
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.surroundings import paint_surroundings
from utility_functions.phantom.texture import Texture
from utility_functions.phantom.tissue import TISSUE_CODES, TISSUES, Tissue, draw_tissue
from utility_functions.phantom.torso import Torso, draw_torso
from utility_functions.phantom.vessels import plaque

STEP_MM = 5.0


class Body:
    """The soft tissues of one patient on a coarse canvas."""

    def __init__(self, seed: int, step_mm: float = STEP_MM) -> None:
        rng = np.random.default_rng(seed)
        self.spine: Spine = draw_spine(rng)
        self.torso: Torso = draw_torso(self.spine, rng)
        self.tissue: Tissue = draw_tissue(rng)
        centres = self.spine.centres
        low = np.array([-230, centres[:, 1].min() - 130, centres[:, 2].min() - 120])
        high = np.array([230, centres[:, 1].max() + 190, centres[:, 2].max() + 80])
        x, y, z = np.ceil((high - low) / step_mm).astype(int)
        self.canvas = Canvas((int(x), int(y), int(z)), step_mm, low)
        self.canvas.texture = Texture(self.canvas.shape, self.canvas.spacing, rng)
        rng = np.random.default_rng(seed + 1)
        paint_layers(self.canvas, self.spine, self.torso, self.tissue, rng)
        paint_arms(self.canvas, self.spine, self.torso, self.tissue, rng)
        paint_organs(self.canvas, self.spine, self.torso, self.tissue, rng)
        paint_muscles(self.canvas, self.spine, self.tissue, rng)
        paint_canal(self.canvas, self.spine, self.tissue)
        paint_surroundings(self.canvas, self.torso, rng)
        self.next_draw = float(rng.random())

    def litres(self, name: str) -> float:
        voxels = int((self.canvas.tissues == TISSUE_CODES[name]).sum())
        return voxels * float(self.canvas.spacing.prod()) / 1e6

    def middle(self, name: str) -> np.ndarray:
        """The mean position of a tissue in mm."""
        where = np.argwhere(self.canvas.tissues == TISSUE_CODES[name])
        return np.asarray(self.canvas.origin + where.mean(axis=0) * self.canvas.spacing)


@pytest.fixture(scope="module", params=[1, 8, 11])
def body(request: pytest.FixtureRequest) -> Body:
    return Body(int(request.param))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("lung", 1.8, 8.0), ("liver", 0.7, 2.6), ("spleen", 0.03, 0.5), ("kidney", 0.08, 0.6), ("heart", 0.08, 0.8)],
)
def test_organs_have_realistic_volumes(body: Body, name: str, low: float, high: float) -> None:
    assert low * body.torso.size**3 < body.litres(name) < high * body.torso.size**3


def test_organs_lie_on_their_own_side(body: Body) -> None:
    middle = float(body.spine["T12"].frame.origin[0])
    assert body.middle("liver")[0] > middle + 20
    assert body.middle("spleen")[0] < middle - 50
    assert body.middle("lung")[2] > body.middle("liver")[2] > body.middle("bowel")[2]


def test_no_organ_lies_in_a_vertebral_body(body: Body) -> None:
    soft = [TISSUE_CODES[name] for name in ("lung", "liver", "spleen", "kidney", "bowel", "gas", "faeces", "stomach")]
    for vertebra in body.spine.vertebrae[4:-1]:
        index = np.rint((vertebra.frame.origin - body.canvas.origin) / body.canvas.spacing).astype(int)
        assert body.canvas.tissues[tuple(index)] not in soft, vertebra.name


def test_gas_lies_above_the_content_of_the_bowel() -> None:
    bodies = [Body(seed, 6.0) for seed in (2, 3)]
    assert sum(b.litres("gas") for b in bodies) > 0.02
    for one in bodies:
        gas = one.canvas.tissues == TISSUE_CODES["gas"]
        below = gas[:, 1:-1] & (one.canvas.tissues[:, :-2] == TISSUE_CODES["faeces"])
        above = gas[:, 1:-1] & (one.canvas.tissues[:, 2:] == TISSUE_CODES["faeces"])
        assert below.sum() >= above.sum()


def test_random_numbers_do_not_depend_on_the_canvas() -> None:
    assert Body(4, 5.0).next_draw == Body(4, 9.0).next_draw


def test_the_skin_is_smooth_over_height() -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        torso = draw_torso(draw_spine(rng), rng)
        bend = np.abs(np.diff(torso.outer, 2, axis=0)).max()
        assert bend < 3.0, seed
        assert (torso.outer > torso.fascia).all()
        assert (torso.fascia[:, 0] > 0).all()


def test_patients_are_thin_and_obese() -> None:
    fat = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        torso = draw_torso(draw_spine(rng), rng)
        fat.append(float(torso.fat.max()))
    assert min(fat) < 9
    assert max(fat) > 28


def test_tissues_vary_widely_and_bone_is_always_denser_outside() -> None:
    drawn = [draw_tissue(np.random.default_rng(seed)) for seed in range(400)]
    usual = [tissue for tissue in drawn if not tissue.unrealistic]
    assert 0.09 < 1 - len(usual) / len(drawn) < 0.21
    assert all(t.cortex_hu > t.marrow_hu for t in drawn)
    for name, low, high in (
        ("marrow_hu", 60, 270),
        ("cortex_hu", 400, 1000),
        ("cortex_mm", 0.5, 1.5),
        ("muscle_hu", 30, 65),
    ):
        values = [getattr(tissue, name) for tissue in usual]
        assert min(values) < low, name
        assert max(values) > high, name
    assert all(-120 <= t.fat_hu <= -70 and 20 <= t.muscle_hu <= 70 and 30 <= t.marrow_hu <= 300 for t in usual)
    assert 0.25 < np.mean([t.calcified for t in usual]) < 0.75
    old = [t.calcification for t in usual if t.age > 0.7]
    young = [t.calcification for t in usual if t.age < 0.3]
    assert np.mean(old) > 3 * np.mean(young)


def test_tissue_names_fit_the_tissue_map() -> None:
    assert len(set(TISSUES)) == len(TISSUES) <= 255
    assert TISSUES[0] == "air"


def test_a_loft_is_closed_and_has_its_width() -> None:
    solid = loft([(0, 0, 0), (4, 0, 40)], [(10, 6), (10, 6)], 0.0, 0.0)
    x, y, z = np.meshgrid(*(np.arange(-30, 70, 2.0, dtype=np.float32),) * 3, indexing="ij")
    inside = np.argwhere(solid.distance(x, y, z) < 0) * 2.0 - 30
    assert inside[:, 2].min() >= -1
    assert inside[:, 2].max() <= 41
    assert abs(np.ptp(inside[:, 1]) - 12) <= 4
    assert (inside.min(axis=0) >= solid.low - 2).all()
    assert (inside.max(axis=0) <= solid.high + 2).all()


def test_a_curve_runs_through_its_points() -> None:
    knots = np.array([(0, 0, 0), (20, 5, 30), (10, 0, 80)], float)
    path = curve(knots, 5.0)
    for knot in knots:
        assert np.linalg.norm(path - knot, axis=1).min() < 1e-9
    assert len(tube(path, 3.0)) == len(path) - 1
    assert spindle(5, 0.2)[[0, 2, 4]] == pytest.approx([0.2, 1.0, 0.2])


def test_a_plaque_is_a_thin_plate_on_the_wall() -> None:
    frame, solid = plaque(np.zeros(3), np.array([0.0, 0.0, 5.0]), 10.0, 0.7, 1.2, 8.0, 2.0)
    assert isinstance(frame, Frame)
    x, y, z = np.meshgrid(*(np.arange(-14, 14.1, 0.5, dtype=np.float32),) * 3, indexing="ij")
    inside = solid.distance(x, y, z) < 0
    far = np.hypot(x, y)[inside]
    assert 8.9 < far.min() < far.max() < 11.1
    assert np.abs(z[inside]).max() <= 4


def test_packed_organs_stay_within_the_wall_and_under_the_diaphragm() -> None:
    rng = np.random.default_rng(0)
    spine = draw_spine(rng)
    torso = draw_torso(spine, rng)
    dome = np.array(torso.dome)
    canvas = Canvas((80, 70, 60), 4.0, dome - (160, 120, 160))
    found = packed(canvas, torso, [ellipsoid(dome, 130.0)])
    assert found is not None
    box, field = found
    x, y, z = canvas.coordinates(Frame(np.eye(3), np.zeros(3)), box)
    inside = field < 0
    assert inside.any()
    assert (torso.room(x, y, z)[inside] > 0).all()
    assert (np.broadcast_to(z - torso.diaphragm(x, y), field.shape)[inside] < 0).all()
    assert packed(canvas, torso, [ellipsoid(dome + 5000.0, 10.0)]) is None
