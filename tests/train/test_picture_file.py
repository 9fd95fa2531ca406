"""Finding pictures in folders, and decoding them."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.cutouts import load_cutouts
from train.errors import TrainError
from train.photos import film_frames, load_photos
from train.picture_file import decoded, entries_of, files_below, files_in, folders_in


def test_hidden_files_and_litter_are_passed_over(tmp_path: Path) -> None:
    for name in ("b.png", "a.PNG", "._a.png", ".DS_Store", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    for name in ("mug", "__MACOSX", "@eaDir", ".cache"):
        (tmp_path / name).mkdir()
    assert [one.name for one in files_in(tmp_path, {".png"})] == ["a.PNG", "b.png"]
    assert [one.name for one in folders_in(tmp_path)] == ["mug"]
    assert len(entries_of(tmp_path)) == 4
    with pytest.raises(TrainError, match=r"cannot read .*none: No such file"):
        entries_of(tmp_path / "none")


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 elsewhere")
def test_a_name_that_is_not_utf8_is_said(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    picture = np.full((80, 80, 4), 255, np.uint8)
    (tmp_path / "mug").mkdir()
    (tmp_path / "mug" / f"{name}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    says = r"caf\\udce9.*' is not UTF-8; rename it"
    with pytest.raises(TrainError, match=says) as error:
        load_cutouts(tmp_path)
    str(error.value).encode()
    with pytest.raises(TrainError, match=says):
        load_photos(tmp_path / "mug")
    with pytest.raises(TrainError, match=says):
        film_frames(tmp_path / f"{name}.avi")
    (tmp_path / "mug").rename(tmp_path / name)
    with pytest.raises(TrainError, match=says):
        load_cutouts(tmp_path)
    # what another file names is read all the same
    assert decoded(tmp_path / name / f"{name}.png", cv2.IMREAD_UNCHANGED) is not None


def test_what_is_no_picture_or_too_large_a_one_is_none(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + end

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))
    for data in (b"", b"nothing", huge):
        (tmp_path / "a.png").write_bytes(data)
        assert decoded(tmp_path / "a.png", cv2.IMREAD_COLOR) is None
    with pytest.raises(TrainError, match=r"cannot read .*none.png: No such file"):
        decoded(tmp_path / "none.png", cv2.IMREAD_COLOR)
    with pytest.raises(TrainError, match=r"cannot read .*a.png as a picture"):
        load_photos(tmp_path)


def test_a_damaged_png_is_none_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    data = cv2.imencode(".png", noise)[1].tobytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0xFF
    cuts = (round(0.6 * len(data)), round(0.99 * len(data)), len(data) - 12, len(data) - 1)
    for damaged in (*(data[:cut] for cut in cuts), bytes(flipped)):
        (tmp_path / "a.png").write_bytes(damaged)
        assert decoded(tmp_path / "a.png", cv2.IMREAD_COLOR) is None
    assert capfd.readouterr().err == ""
    for whole in (data, data + b"more"):
        (tmp_path / "a.png").write_bytes(whole)
        assert np.array_equal(decoded(tmp_path / "a.png", cv2.IMREAD_COLOR), noise)


def test_files_below_are_found_but_not_through_links(tmp_path: Path) -> None:
    (tmp_path / "b/c").mkdir(parents=True)
    (tmp_path / "b/__MACOSX").mkdir()
    for name in ("d.png", "a.png", "b/c/a.png", "b/a.txt", "b/__MACOSX/a.png"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b/back").symlink_to(tmp_path)
    found = [str(one.relative_to(tmp_path)) for one in files_below(tmp_path, {".png"})]
    assert found == ["a.png", "b/c/a.png", "d.png"]


def test_sixteen_bits_a_channel_are_kept(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 4, 4), 1000, np.uint16))
    picture = decoded(tmp_path / "a.png", cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert (picture.dtype, int(picture[0, 0, 0])) == (np.uint16, 1000)
