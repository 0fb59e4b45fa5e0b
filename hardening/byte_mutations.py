"""Changes of bytes in any format: flipped bits, lost and doubled pieces, extreme numbers, other encodings."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]
MOST_BYTES = 2**19
HEADER = 700
"""Half of all changes fall on the first so many bytes, where formats keep what they are."""
EXTREMES = (0, 1, -1, 127, -128, 255, 2**15 - 1, -(2**15), 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63))
WORDS = (
    *("", "nan", "inf", "-inf", "-1", "0", "1e308", "-1e-308", "99999999999999999999", "2147483648", "1,5", "0x10"),
    *(
        "null",
        "true",
        "None",
        "L1",
        "C8",
        "T13",
        "\u0663",
        "\u4e09",
        "\x00",
        "\ud7ff",
        "../../../etc/passwd",
        "a b",
        "%s%n",
    ),
    *(
        "{}",
        "[]",
        '"',
        "'",
        "#",
        ";",
        "\t",
        "\r",
        "\\",
        "=",
        ":",
        "/dev/zero",
        "/",
        ".",
        "1.0.0",
        "--",
        "1e",
        "+5",
        "05",
    ),
)


def place(content: bytes, rng: np.random.Generator) -> int:
    """A place in the content, more often near its beginning."""
    most = len(content) if rng.random() < 0.5 else min(len(content), HEADER)
    return int(rng.integers(max(most, 1)))


def flipped_bits(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        if changed:
            changed[place(content, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def other_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    at, count = place(content, rng), int(rng.integers(1, 40))
    kind = int(rng.integers(3))
    filled = rng.bytes(count) if kind == 0 else bytes([0 if kind == 1 else 255]) * count
    return content[:at] + filled + content[at + count :]


def truncated(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content) + 1)) if rng.random() < 0.7 else place(content, rng)]


def lost(content: bytes, rng: np.random.Generator) -> bytes:
    at = place(content, rng)
    return content[:at] + content[at + int(rng.integers(1, 200)) :]


def doubled(content: bytes, rng: np.random.Generator) -> bytes:
    at, count = place(content, rng), int(rng.integers(1, 400))
    return content[: at + count] + content[at:]


def inserted(content: bytes, rng: np.random.Generator) -> bytes:
    at = place(content, rng)
    return content[:at] + rng.bytes(int(rng.integers(1, 60))) + content[at:]


def appended(content: bytes, rng: np.random.Generator) -> bytes:
    return content + (content if rng.random() < 0.3 else rng.bytes(int(rng.integers(1, 3000))))


def extreme_number(content: bytes, rng: np.random.Generator) -> bytes:
    """Two, four or eight bytes, of either order, become an extreme integer or float."""
    at = place(content, rng)
    code = str(rng.choice(["<h", "<i", "<q", ">h", ">i", ">q", "<f", "<d", ">f"]))
    if code[1] in "fd":
        packed = struct.pack(code, float(rng.choice([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e30, 1e-30])))
    else:
        size = struct.calcsize(code)
        packed = (EXTREMES[int(rng.integers(len(EXTREMES)))] % 2 ** (8 * size)).to_bytes(
            size, "little" if code[0] == "<" else "big"
        )
    return content[:at] + packed + content[at + len(packed) :]


def empty(content: bytes, rng: np.random.Generator) -> bytes:
    return b"" if rng.random() < 0.5 else b"\0" * int(rng.integers(1, 2000))


def other_token(content: bytes, rng: np.random.Generator) -> bytes:
    """A word or number of a text becomes another one."""
    text = content.decode("latin-1")
    ends = [i for i, letter in enumerate(text[:20000]) if letter in ' ,;:=\t\n"[]{}()']
    if len(ends) < 2:
        return other_bytes(content, rng)
    one = int(rng.integers(len(ends) - 1))
    word = WORDS[int(rng.integers(len(WORDS)))]
    return content[: ends[one] + 1] + word.encode("utf-8", "replace") + content[ends[one + 1] :]


def other_lines(content: bytes, rng: np.random.Generator) -> bytes:
    """Lines lost, doubled, swapped, joined or very long."""
    lines = content[:MOST_BYTES].split(b"\n")
    one, other = int(rng.integers(len(lines))), int(rng.integers(len(lines)))
    kind = int(rng.integers(6))
    if kind == 0:
        del lines[one]
    elif kind == 1:
        lines.insert(other, lines[one])
    elif kind == 2:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 3:
        lines[one] = lines[one] * min(int(rng.integers(2, 3000)), MOST_BYTES // max(len(lines[one]), 1) + 1)
    elif kind == 4:
        return content.replace(b"\n", [b"\r\n", b"\r", b" ", b"\n\n", b"\x0b", b"\xe2\x80\xa8"][int(rng.integers(6))])
    else:
        lines[one] = b'"' + lines[one]
    return b"\n".join(lines)


def other_encoding(content: bytes, rng: np.random.Generator) -> bytes:
    text = content.decode("utf-8", "replace")
    kind = int(rng.integers(7))
    if kind == 5:
        return b"\xef\xbb\xbf" * int(rng.integers(1, 4)) + content
    if kind == 6:
        at = place(content, rng)
        return content[:at] + bytes([int(rng.integers(128, 256))]) + content[at:]
    return text.encode(["utf-16", "utf-16-be", "utf-32", "utf-7", "cp037"][kind], "replace")


def other_separator(content: bytes, rng: np.random.Generator) -> bytes:
    pairs = (
        (b",", b";"),
        (b",", b"\t"),
        (b",", b" "),
        (b".", b","),
        (b"\t", b","),
        (b" ", b""),
        (b'"', b"'"),
        (b",", b""),
    )
    old, new = pairs[int(rng.integers(len(pairs)))]
    return content.replace(old, new, int(rng.integers(1, 50)) if rng.random() < 0.5 else -1)


OF_BYTES: tuple[Mutation, ...] = (
    *(flipped_bits, other_bytes, truncated, lost, doubled, inserted, appended, extreme_number, empty),
)
OF_TEXT: tuple[Mutation, ...] = (other_token, other_token, other_token, other_lines, other_encoding, other_separator)


def changed(content: bytes, rng: np.random.Generator, mutations: tuple[Mutation, ...]) -> tuple[bytes, str]:
    """The content after one to three of the mutations, and their names."""
    names = []
    for _ in range(1 + int(rng.integers(3)) // 2):
        mutation = mutations[int(rng.integers(len(mutations)))]
        try:
            content = mutation(content, rng)
        except Exception:  # noqa: BLE001 - what is broken already is changed in its bytes
            mutation = flipped_bits
            content = mutation(content, rng)
        names.append(mutation.__name__)
    return content, "+".join(names)
