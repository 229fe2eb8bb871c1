#!/usr/bin/env python3
"""Packs a word table into the files that the crate compiles in.

    python3 build.py FOLDER     (FOLDER has vocab.txt, emb.i8, scale.f32, dim.txt)

writes beside this script:
  rows.i8     rows x 128, one byte a value, as emb.i8
  scales.f32  one little-endian float a row: value = int8 x scale
  words.txt   all words, one after the other, without separators
  ends.u24    for each row, where its word ends in words.txt (little-endian, three bytes)
  slots.u16   an open-addressing hash table over the words: row + 1, or 0 for a free slot
so that nothing has to be built when the program starts. The hash is FNV-1a (32 bits), probing is
linear, as in src/table.rs. Deterministic: the same table gives the same bytes.
"""
import pathlib
import struct
import sys

DIM = 128
SLOTS = 1 << 16


def fnv(data):
    value = 0x811C9DC5
    for byte in data:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def main():
    source = pathlib.Path(sys.argv[1])
    target = pathlib.Path(__file__).parent
    words = [line.encode() for line in (source / "vocab.txt").read_text().split("\n") if line]
    rows = (source / "emb.i8").read_bytes()
    scales = (source / "scale.f32").read_bytes()
    assert int((source / "dim.txt").read_text()) == DIM
    assert len(rows) == len(words) * DIM and len(scales) == len(words) * 4
    assert len(words) < SLOTS - 1 and len(set(words)) == len(words)
    slots = [0] * SLOTS
    ends, end = b"", 0
    for row, word in enumerate(words):
        end += len(word)
        ends += struct.pack("<I", end)[:3]
        at = fnv(word) % SLOTS
        while slots[at]:
            at = (at + 1) % SLOTS
        slots[at] = row + 1
    (target / "rows.i8").write_bytes(rows)
    (target / "scales.f32").write_bytes(scales)
    (target / "words.txt").write_bytes(b"".join(words))
    (target / "ends.u24").write_bytes(ends)
    (target / "slots.u16").write_bytes(struct.pack(f"<{SLOTS}H", *slots))
    print(len(words), "rows, longest word", max(map(len, words)), "bytes")


main()
