"""Patients of whom only a DICOM header tells: a name in memory that groups their scans, and a keyed one for files.

The name in memory follows from the header's id alone, so that a data set is split alike in every run, with any key or
none. Everybody can compute it for every possible id; it is therefore never written. What files hold is an HMAC-SHA256
of it under a random key, which lies in a file of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case
from utility_functions.files.unfinished_folders import unfinished_folder

log = logging.getLogger(__name__)

KEY_FILE = "patients.key"
"""The name of a key's file where no other is requested; it lies beside the samples."""
KEY_BYTES = 32
_IN_MEMORY = "dicom:"
_PSEUDONYM = re.compile(r"patient-(?:([0-9a-f]{6})-)?[0-9a-f]{12}")


def name_in_memory(patient_id: str) -> str:
    """The name of a patient by the id in a header, the same in every run; "" for no id."""
    return _IN_MEMORY + hashlib.sha256(patient_id.encode()).hexdigest() if patient_id else ""


def is_name_in_memory(patient: str) -> bool:
    """Whether a patient's name is one that is never written."""
    return patient.startswith(_IN_MEMORY)


def require_for_files(patient: str) -> str:
    """The name of a patient. Raises: ValueError for one that is never written."""
    if is_name_in_memory(patient):
        raise ValueError("A patient who is known from a DICOM header needs a pseudonym. Received: no pseudonym.")
    return patient


@dataclass(frozen=True)
class PseudonymKey:
    """The secret of a data set's pseudonyms."""

    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Six digits that tell one key from another; the secret does not follow from them."""
        return self._digest("the name of this key", 6)

    def pseudonym(self, patient: str) -> str:
        """What files call a patient: the name of the key, and twelve digits of the HMAC."""
        return f"patient-{self.name}-{self._digest(patient, 12)}"

    def _digest(self, text: str, digits: int) -> str:
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()[:digits]


def read_or_make_key(path: Path) -> PseudonymKey:
    """The key in a file, which is made with a random key, for its owner alone, where it is missing.

    Of several processes that make it at once, all get the key of the first.
    Raises: BrokenFile where the file holds no key, OSError where it cannot be read or made.
    """
    if not path.exists():
        _make_key(path)
    try:
        text = path.read_text(encoding="ascii")
        secret = bytes.fromhex(text.strip())
        shared = os.name == "posix" and path.stat().st_mode & 0o077
    except OSError as error:
        raise OSError(f"{path}: the key of the patients' pseudonyms cannot be read ({error.strerror}).") from error
    except ValueError:
        secret, shared = b"", 0
    if len(secret) != KEY_BYTES:
        raise BrokenFile(f"{path}: holds no key of patients' pseudonyms, which is {2 * KEY_BYTES} digits from 0 to f.")
    if shared:
        log.warning("%s: others on this machine may read the key of the patients' pseudonyms: chmod 600 it.", path)
    return PseudonymKey(secret)


def with_pseudonyms(cases: Sequence[Case], key_path: Path) -> list[Case]:
    """The cases, whose patients are called as in files; the key is read, or made, only where one is needed."""
    if not any(is_name_in_memory(case.patient) for case in cases):
        return list(cases)
    key = read_or_make_key(key_path)
    return [
        replace(case, patient=key.pseudonym(case.patient)) if is_name_in_memory(case.patient) else case
        for case in cases
    ]


def comparable(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether patients of two files can be told apart: false where both have pseudonyms, of different keys."""
    keys = [
        {found[1] for patient in patients if (found := _PSEUDONYM.fullmatch(patient))} for patients in (some, others)
    ]
    return not (keys[0] and keys[1]) or (keys[0] == keys[1] and len(keys[0]) == 1)


def _make_key(path: Path) -> None:
    """A new key at ``path``, unless another process was first."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished_folder(path) as room:
            made = room / path.name
            made.touch(0o600)
            made.write_text(f"{secrets.token_hex(KEY_BYTES)}\n", encoding="ascii")
            try:
                path.hardlink_to(made)
            except FileExistsError:
                return
            except OSError:  # a file system without hard links
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as there:
                    there.write(made.read_bytes())
    except FileExistsError:
        return
    except OSError as error:
        raise OSError(f"{path}: the key of the patients' pseudonyms cannot be made ({error.strerror}).") from error
    log.info("%s: made; it is the key of the patients' pseudonyms in the samples beside it.", path)
