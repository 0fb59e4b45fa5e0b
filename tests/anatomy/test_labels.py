"""The vocabulary: anatomical order, the ids of other projects, and names as files write them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from utility_functions.anatomy.labels import (
    CSI_LEVELS,
    LEVELS,
    TOTALSEGMENTATOR_IDS,
    USUAL_VERTEBRAE,
    VERSE_IDS,
    VERTEBRAE,
    anatomical_order,
    name_of_regressed_level,
    name_of_verse_id,
    parse_name,
    region_of,
    regressed_level,
)


def test_the_order_is_that_of_the_spine_from_the_top() -> None:
    assert len(VERTEBRAE) == 26
    assert len(USUAL_VERTEBRAE) == 24
    neighbours = ("C7", "T1"), ("T12", "T13"), ("T13", "L1"), ("L5", "L6"), ("L6", "S1"), ("S1", "S2")
    assert all(anatomical_order(below) - anatomical_order(above) == 1 for above, below in neighbours)
    assert sorted(LEVELS, key=anatomical_order) == list(LEVELS)
    assert sorted(("L1", "T13", "T12"), key=anatomical_order) == ["T12", "T13", "L1"]  # VerSe ids 20, 28, 19


def test_an_unknown_level_has_no_place() -> None:
    with pytest.raises(ValueError, match=r"A level is one of C1, .*, S2. Received: 'T14'"):
        anatomical_order("T14")


@pytest.mark.parametrize(
    ("name", "verse", "totalsegmentator", "csi", "regressed"),
    [
        ("C1", 1, 50, 1, 1),
        ("C7", 7, 44, 7, 7),
        ("T1", 8, 43, 8, 8),
        ("T11", 18, 33, 18, 18),
        ("T12", 19, 32, 19, 19),
        ("T13", 28, None, None, 19),
        ("L1", 20, 31, 20, 20),
        ("L5", 24, 27, 24, 24),
        ("L6", 25, None, None, 24),
        ("S1", 26, 26, 25, 25),
        ("S2", None, None, 26, 26),
        ("sacrum", None, 25, None, None),
        ("coccyx", 27, None, None, None),
        ("rib", None, None, None, None),
    ],
)
def test_each_project_has_its_own_numbers(
    name: str, verse: int | None, totalsegmentator: int | None, csi: int | None, regressed: int | None
) -> None:
    assert VERSE_IDS.get(name) == verse
    assert TOTALSEGMENTATOR_IDS.get(name) == totalsegmentator
    assert CSI_LEVELS.get(name) == csi
    assert regressed_level(name) == regressed


def test_every_id_leads_back_to_its_name() -> None:
    assert sorted(VERSE_IDS.values()) == list(range(1, 29))
    assert all(name_of_verse_id(number) == name for name, number in VERSE_IDS.items())
    assert sorted(TOTALSEGMENTATOR_IDS.values()) == list(range(25, 51))
    assert all(name_of_regressed_level(level) == name for name, level in CSI_LEVELS.items())
    assert {regressed_level(name) for name in VERTEBRAE} == set(range(1, 25))


@pytest.mark.parametrize("number", [-1, 0, 29, 100, 201])
def test_unknown_numbers_have_no_level(number: int) -> None:
    assert name_of_verse_id(number) is None
    assert name_of_regressed_level(number) is None


@pytest.mark.parametrize(
    ("name", "region"), [("C7", "Cervical"), ("T13", "Thoracic"), ("L6", "Lumbar"), ("S1", None), ("", None)]
)
def test_every_free_vertebra_has_a_region(name: str, region: str | None) -> None:
    assert region_of(name) == region


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("L1", "L1"),
        ("L1_center", "L1"),
        ("L1_centroid", "L1"),
        ("L1_body", "L1"),
        ("vertebrae_L1", "L1"),
        ("Vertebrae_L1", "L1"),
        ("L1_Center", "L1"),
        (" t04 ", "T4"),
        ("Th12", "T12"),
        ("TH_12", "T12"),
        ("D5", "T5"),
        ("T-13", "T13"),
        ("C 7", "C7"),
        ("l6", "L6"),
        ("S1", "S1"),
        ("Sacrum", "S1"),
        ("coccyx", "coccyx"),
    ],
)
def test_names_are_recognised_in_all_spellings(text: str, name: str) -> None:
    assert parse_name(text) == name


@pytest.mark.parametrize(
    "text", ["", " ", "L", "1", "L0", "L7", "C8", "T14", "S3", "X1", "L1.5", "L-1.0", "disc_L1", "²"]
)
def test_unknown_names_have_no_level(text: str) -> None:
    assert parse_name(text) is None


@given(st.text())
@example("T" + "9" * 5000)
@example("L١")
def test_any_text_gives_a_level_or_none(text: str) -> None:
    assert parse_name(text) in (*LEVELS, "coccyx", None)


@given(
    st.sampled_from(LEVELS),
    st.sampled_from(["", "vertebrae_", "vertebra_"]),
    st.sampled_from(["", "_center", "_body"]),
    st.booleans(),
)
def test_every_spelling_of_every_level_is_read(name: str, head: str, tail: str, upper: bool) -> None:
    text = head + name + tail
    assert parse_name(text.upper() if upper else text.lower()) == name
