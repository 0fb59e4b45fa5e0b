"""One input of a draw again, by its number: python -m hardening.again NUMBER --seed N [--inputs N]."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from hardening.byte_mutations import changed
from hardening.corpus import write_corpus
from hardening.entry_points import READERS
from hardening.input_draw import places_of
from hardening.reading_process import copied


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hardening.again", description=__doc__)
    parser.add_argument("number", type=int)
    parser.add_argument("--inputs", type=int, default=10_000, help="of the draw (default: 10000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-keras", action="store_true")
    parser.add_argument("--keep", type=Path, help="where to write the input")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as corpus, tempfile.TemporaryDirectory() as scratch:
        sounds = write_corpus(Path(corpus), not arguments.without_keras)
        sound = sounds[places_of(sounds, arguments.inputs, arguments.seed)[arguments.number]]
        rng = np.random.default_rng([arguments.seed, arguments.number])
        made, mutation = changed((sound.folder / sound.file).read_bytes(), rng, sound.mutations)
        path = copied(sound, Path(scratch))
        path.unlink()
        path.write_bytes(made)
        if arguments.keep:
            arguments.keep.write_bytes(made)
        print(sound.name, mutation, flush=True)
        print(READERS[sound.reader](Path(scratch), sound.file))


if __name__ == "__main__":
    main()
