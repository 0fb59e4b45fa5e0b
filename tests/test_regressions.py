"""Each past bug as a test, named after its symptom."""

from __future__ import annotations

import gzip
import json
import warnings
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from hardening.dicom_series import write_series
from learning_functions.measure.measuring import measure_cases
from learning_functions.measure.pipeline_file import read_plan
from learning_functions.measure.resuming import conditions_of, finished_row, write_record
from learning_functions.measure.scan_estimate import estimates, require_memory
from learning_functions.options import InferenceOptions
from learning_functions.runtime.devices import precision
from learning_functions.runtime.inference_devices import PROCESSOR
from learning_functions.samples.store.sample_store import open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.spec import Spec
from learning_functions.task import Settings, load_task
from learning_functions.training.checkpoints import Checkpoints, Progress
from tests.oracle import oracle_models, oracle_scan
from utility_functions.command_line import one_line
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case
from utility_functions.files.images import read_image, write_image
from utility_functions.files.manifest import find_cases
from utility_functions.files.probability_files import read_probabilities, write_probabilities
from utility_functions.files.provenance import GENERATOR
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.map_kinds import ClassProbabilities, PartMap
from utility_functions.reporting.results import ScanRow


def write_few_samples(path: Path) -> Path:
    """Two samples of detection."""
    settings = (
        load_task("detection")
        .presets["small"]
        .changed(spec=Spec((4.0, 4.0, 4.0), "RAS", (4, 4, 4), 1, ("background", "vertebra")))
    )
    values = np.zeros((4, 4, 4), np.int16)
    with SampleWriter(path, task="detection", spec=settings.spec, settings=settings.to_json()) as writer:
        for _ in range(2):
            writer.append(values[..., None], values.astype(np.uint8), normalisation=(0.0, 1.0), case_id="a")
    return path


def test_a_resumed_mixed_precision_run_lost_its_optimiser_state(tmp_path: Path) -> None:
    """Keras unwrapped the loss scaling when it loaded under the float32 policy, and only warned."""
    with precision("float16"):
        image = keras.Input((4,))
        network = keras.Model(image, keras.layers.Dense(1, dtype="float32")(keras.layers.Dense(3)(image)))
        network.compile("adam", "mse")
    network.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0)
    checkpoints = Checkpoints(tmp_path / "model.h5")
    progress = Progress(run={})
    progress.add({"val_loss": 1.0}, "val_loss", False)
    checkpoints.save(network, progress)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping variable loading")
        again = checkpoints.load(1, "float16")
    for state, kept in zip(again.optimizer.variables, network.optimizer.variables, strict=True):
        np.testing.assert_array_equal(state, kept)


def test_a_run_of_broken_scans_overwrote_earlier_results(tmp_path: Path) -> None:
    models = oracle_models(tmp_path / "models")
    out = tmp_path / "out"
    write_image(oracle_scan(), tmp_path / "scan.nii.gz")
    sound, broken = Case("scan", tmp_path / "scan.nii.gz"), Case("scan", tmp_path / "gone.nii.gz")
    measure_cases([sound], models, out, InferenceOptions(), {}, lambda text: None)
    before = {path: path.read_bytes() for path in out.iterdir()}
    [row] = measure_cases([broken], models, out, InferenceOptions(), {}, lambda text: None)
    assert "no such file" in row.problem
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_results_overwrote_the_centroids_of_the_scan(tmp_path: Path) -> None:
    write_image(oracle_scan(), tmp_path / "scan.nii.gz")
    truth = tmp_path / "scan_centroids.json"
    truth.write_text('[{"name": "L1", "x": 0, "y": 0, "z": 0}]')
    case = Case("scan", tmp_path / "scan.nii.gz", landmarks_path=truth)
    with pytest.raises(ValueError, match="choose another output folder"):
        measure_cases([case], oracle_models(tmp_path / "models"), tmp_path, InferenceOptions(), {}, lambda text: None)


def test_a_spacing_of_nan_passed_as_above_zero() -> None:
    with pytest.raises(ValueError, match="three spacings above zero"):
        Spec((1.0, float("nan"), 1.0), "RAS", (4, 4, 4), 1, ("vertebra",))


def test_settings_read_from_a_card_were_never_equal_to_the_preset() -> None:
    """JSON gives tuples back as lists."""
    settings = load_task("detection").presets["paper"]
    as_read = {**settings.to_json(), "options": dict(settings.options.to_json(), weights=[0.1, 0.9])}
    assert Settings.from_json(as_read, type(settings.options)) == settings


def test_a_damaged_gzip_file_was_read_as_if_it_were_sound(tmp_path: Path) -> None:
    """The checksum stands at the end of the file, behind the last voxel that was read."""
    write_image(oracle_scan(), tmp_path / "scan.nii")
    packed = bytearray(gzip.compress((tmp_path / "scan.nii").read_bytes()))
    packed[-8] ^= 1
    (tmp_path / "scan.nii.gz").write_bytes(packed)
    with pytest.raises(BrokenFile, match="truncated or damaged"):
        read_image(tmp_path / "scan.nii.gz")


def test_what_is_no_gzip_behind_a_gzip_file_does_not_matter(tmp_path: Path) -> None:
    write_image(oracle_scan(), tmp_path / "scan.nii.gz")
    (tmp_path / "scan.nii.gz").write_bytes((tmp_path / "scan.nii.gz").read_bytes() + b"junk of an old exporter")
    assert np.array_equal(read_image(tmp_path / "scan.nii.gz").voxels, oracle_scan().voxels)


@pytest.mark.parametrize(
    ("suffix", "change"),
    [
        (".nrrd", (b"space: left-posterior-superior", b"space: " + b"left-posterior-superior" * 100)),
        (".nrrd", (b"sizes: 36 44 80", b"sizes: " + b"36 44 80 " * 700)),
        (".nrrd", (b"dimension: 3", b"dimension: 99999999999999999999")),
        (".nrrd", (b"sizes: 36 44 80", b"sizes: 36 44")),
        (".mha", (b"NDims = 3", b"NDims = 99999999999999999999")),
        (".mha", (b"NDims = 3", b"NDims = 3\nNDims = 11")),
        (".mha", (b"DimSize = 36 44 80", b"DimSize = 36 44 80 80 80 80 80 80 80 80 80 80 80")),
    ],
)
def test_an_odd_header_crashed_the_process_in_itk(suffix: str, change: tuple[bytes, bytes], tmp_path: Path) -> None:
    path = tmp_path / f"scan{suffix}"
    write_image(oracle_scan(), path)
    assert change[0] in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(*change, 1))
    with pytest.raises(BrokenFile, match="header"):
        read_image(path)


def test_memory_was_taken_for_voxels_that_no_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "scan.mha"
    write_image(oracle_scan(), path)
    path.write_bytes(path.read_bytes().replace(b"DimSize = 36 44 80", b"DimSize = 1500 1500 1500", 1))
    with pytest.raises(BrokenFile, match="too short for its header"):
        read_image(path)


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 500 + "]" * 500, '{"a":' * 100_000])
def test_json_nested_too_deep_ended_in_a_traceback(text: str, tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_text(text)
    write_image(oracle_scan(), tmp_path / "scan.nii.gz")
    with pytest.raises(BrokenFile, match="not a JSON file"):
        read_landmarks(tmp_path / "scan.json", None)
    assert [case.case_id for case in find_cases(tmp_path)] == ["scan"]


def test_toml_nested_too_deep_ended_in_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("models = " + "[" * 10_000)
    with pytest.raises(BrokenFile, match="nested too deeply"):
        read_plan(tmp_path / "p.toml", {})


def test_an_error_printed_control_characters_and_whole_files() -> None:
    said = one_line(ValueError("label \x00\ud800 must be a number, but it is " + "[0, " * 5000 + "here"))
    assert said.isprintable() and said.encode() and len(said) < 800 and said.endswith("here")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patients": "[3]"}, "a list of texts is needed"),
        ({"settings": "[]"}, "a mapping is needed"),
        ({"case_ids": "[]", "patients": "[]"}, "do not belong to its samples"),
        ({"spine_samples": b"\xff\xfe"}, "can be read, and this is"),
    ],
)
def test_a_damaged_header_of_samples_ended_in_a_traceback(change, words, tmp_path: Path) -> None:
    path = write_few_samples(tmp_path / "s.h5")
    with h5py.File(path, "r+") as file:
        file.attrs.update(change)
    with pytest.raises(BrokenFile, match=words):
        open_store(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda file: h5py.ExternalLink("other.h5", "/x"), "link to another place"),
        (lambda file: h5py.SoftLink("/inputs"), "link to another place"),
        (lambda file: np.array(["a", "b"], object), "holds no samples"),
        (lambda file: 3.5, "holds no samples"),
    ],
)
def test_samples_that_are_links_or_no_numbers_ended_in_a_traceback(make, words, tmp_path: Path) -> None:
    path = write_few_samples(tmp_path / "s.h5")
    with h5py.File(path, "r+") as file:
        del file["inputs"]
        file["inputs"] = make(file)
    with pytest.raises(BrokenFile, match=words):
        open_store(path)


def test_memory_was_taken_for_samples_that_no_file_holds(tmp_path: Path) -> None:
    path = write_few_samples(tmp_path / "s.h5")
    with h5py.File(path, "r+") as file:
        del file["inputs"]
        file.create_dataset("inputs", (2, 10**4, 10**4, 10**4, 1), "i2", chunks=(1, 10, 10, 10, 1))
    with pytest.raises(BrokenFile, match="would take 4e"):
        open_store(path)


@pytest.mark.parametrize("value", [2.5, True, "8", None, 10**9])
def test_settings_of_a_file_asked_for_networks_without_measure(value: object) -> None:
    settings = load_task("detection").presets["small"]
    with pytest.raises(ValueError, match="filters"):
        Settings.from_json({**settings.to_json(), "filters": value}, type(settings.options))


def test_a_dicom_file_with_a_damaged_meta_header_ended_in_a_traceback(tmp_path: Path) -> None:
    for path in write_series(tmp_path / "series", oracle_scan(8.0, shape=(9, 11, 20)))[:3]:
        content = path.read_bytes()
        place = content.index(b"UL\x04\x00") + 2
        path.write_bytes(content[:place] + b"\x42\x04" + content[place + 2 :])
    with pytest.raises(BrokenFile, match="without a readable image"):
        read_image(tmp_path / "series" / "0000.dcm")


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("probabilities.npy", b"no array"),
        ("probabilities.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': ('<f2', "),
        ("kind.npy", b""),
        ("affine.npy", b"\x00" * 80),
    ],
)
def test_an_archive_of_probabilities_with_a_member_that_is_no_array_is_refused_in_a_sentence(
    member: str, content: bytes, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole.npz", tmp_path / "broken.npz"
    write_probabilities(few_probabilities(), whole, GENERATOR)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(broken, "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, content if name == member else archive.read(name))
    with pytest.raises(BrokenFile, match="holds no class probabilities that can be used"):
        read_probabilities(broken)
    assert read_probabilities(whole).voxels.shape == (2, 3, 4, 3)


def test_damaged_and_infinite_probabilities_are_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    write_probabilities(few_probabilities(), path, GENERATOR)
    content = path.read_bytes()
    for place in range(60, len(content) - 60, 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x5A]) + content[place + 1 :])
        try:
            read_probabilities(path)
        except BrokenFile as error:
            assert "holds no class probabilities" in str(error)
    found = few_probabilities()
    found.voxels[0, 0, 0, 0] = np.inf
    write_probabilities(found, path, GENERATOR)
    with pytest.raises(BrokenFile, match="no finite numbers"):
        read_probabilities(path)


def few_probabilities() -> ClassProbabilities:
    voxels = np.full((2, 3, 4, 3), 1 / 3, np.float16)
    return ClassProbabilities(voxels, Grid.from_spacing((2, 3, 4), (2.0, 2.0, 2.0)), PartMap)


@pytest.mark.parametrize("part", ["models", "options", "order"])
def test_a_record_of_a_scan_whose_conditions_are_numbers_is_measured_again(part: str, tmp_path: Path) -> None:
    conditions = conditions_of([], InferenceOptions())
    row = ScanRow("scan", problem="none")
    write_record(row, Case("scan", tmp_path / "scan.nii.gz"), conditions, [], tmp_path)
    assert finished_row(Case("scan", tmp_path / "scan.nii.gz"), conditions, tmp_path) == row
    path = tmp_path / "scan_findings.json"
    record = json.loads(path.read_text())
    record["conditions"][part] = 7
    path.write_text(json.dumps(record))
    assert finished_row(Case("scan", tmp_path / "scan.nii.gz"), conditions, tmp_path) is None


def test_a_scan_in_metres_is_refused_for_its_size_not_for_its_memory_and_is_not_estimated(tmp_path: Path) -> None:
    path = tmp_path / "metre.nii.gz"
    write_image(Volume(np.zeros((96, 63, 136), np.int16), Grid.from_spacing((96, 63, 136), (2880.0,) * 3)), path)
    with pytest.raises(BrokenFile, match="more than any body; its spacing or its unit of length is wrong"):
        require_memory(Case("metre", path), 4.0)
    assert estimates([Case("metre", path)], 4.0, [PROCESSOR]) == {}
