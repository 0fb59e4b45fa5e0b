"""A small draw of broken inputs, each format among them: none ends in a traceback, a hang, a crash or lost memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hardening.byte_mutations import changed
from hardening.corpus import write_corpus
from hardening.input_draw import draw_inputs, places_of
from hardening.reading_process import RIGHT, answer_of


def test_a_draw_of_broken_inputs_has_no_fault(tmp_path: Path) -> None:
    draw = draw_inputs(300, 12, tmp_path, keras=False, processes=1)
    assert [f"{one.number} {one.name} [{one.mutation}]: {one.what}" for one in draw.faults] == []
    assert len(draw.outcomes) == 300 and len(draw.counts()) > 20
    kinds = {one.kind for one in draw.outcomes}
    assert RIGHT in kinds and len(kinds) == 2


def test_every_sound_input_is_answered_and_a_draw_is_the_same_again(tmp_path: Path) -> None:
    sounds = write_corpus(tmp_path, keras_models=False)
    assert all(answer_of(sound) for sound in sounds)
    assert places_of(sounds, 50, 3) == places_of(sounds, 50, 3) != places_of(sounds, 50, 4)
    content = (sounds[0].folder / sounds[0].file).read_bytes()
    made = [changed(content, np.random.default_rng([1, 2]), sounds[0].mutations) for _ in range(2)]
    assert made[0] == made[1]
