"""Picture files: found, read upright, written whole, named apart."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from exif import with_exif_orientation

from rtloc.errors import RtlocError, UsageError
from rtloc.pictures import annotated_names, find_pictures, read_picture, write_picture

IMAGE = np.zeros((20, 40, 3), np.uint8)
IMAGE[:10, :20] = (255, 40, 0)


def save(path: Path, image: np.ndarray = IMAGE) -> Path:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


class TestFinding:
    def test_the_pictures_of_a_folder_come_in_order_of_their_names(self, tmp_path: Path) -> None:
        for name in ("b.png", "a.jpg", "C.PNG", "d.webp", "e.bmp", "f.tiff", "g.gif"):
            save(tmp_path / name)
        (tmp_path / "notes.txt").touch()
        (tmp_path / "folder.png").mkdir()
        save(tmp_path / "deeper/h.png")
        names = ["C.PNG", "a.jpg", "b.png", "d.webp", "e.bmp", "f.tiff", "g.gif"]
        assert find_pictures([tmp_path]) == [tmp_path / name for name in names]

    def test_files_and_folders_come_in_the_given_order(self, tmp_path: Path) -> None:
        one = save(tmp_path / "one.png")
        two = save(tmp_path / "folder/two.png")
        assert find_pictures([one, two.parent]) == [one, two]
        assert find_pictures([two.parent, one]) == [two, one]

    def test_a_file_that_is_named_is_taken_whatever_its_ending(self, tmp_path: Path) -> None:
        path = tmp_path / "photo"
        path.touch()
        assert find_pictures([path]) == [path]

    def test_annotated_copies_in_a_folder_are_left_out(self, tmp_path: Path) -> None:
        original = save(tmp_path / "a.png")
        save(tmp_path / "a.rtloc.png")
        assert find_pictures([tmp_path]) == [original]

    def test_annotated_copies_beside_their_originals_are_left_out(self, tmp_path: Path) -> None:
        # what a shell makes of `rtloc image *` at the second run
        original, copy = save(tmp_path / "a.tiff"), save(tmp_path / "a.rtloc.png")
        assert find_pictures([copy, original]) == [original]

    def test_an_annotated_copy_that_is_named_alone_is_taken(self, tmp_path: Path) -> None:
        save(tmp_path / "a.png")
        copy = save(tmp_path / "a.rtloc.png")
        assert find_pictures([copy]) == [copy]

    def test_a_picture_that_is_named_twice_is_taken_once(self, tmp_path: Path) -> None:
        path = save(tmp_path / "a.png")
        assert find_pictures([path, tmp_path, path]) == [path]

    def test_a_pattern_stands_for_what_it_matches(self, tmp_path: Path) -> None:
        for name in ("b.jpg", "a.jpg", "c.png"):
            (tmp_path / name).touch()
        found = find_pictures([tmp_path / "*.jpg", tmp_path / "c.png"])
        assert [path.name for path in found] == ["a.jpg", "b.jpg", "c.png"]
        (tmp_path / "[a].jpg").touch()
        assert find_pictures([tmp_path / "[a].jpg"]) == [tmp_path / "[a].jpg"]

    def test_a_missing_path_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"no such file or folder: .*nope\.png"):
            find_pictures([save(tmp_path / "a.png"), tmp_path / "nope.png"])

    def test_a_path_that_cannot_even_be_looked_at_is_named(self) -> None:
        with pytest.raises(UsageError, match=r"cannot read n*: File name too long"):
            find_pictures([Path("n" * 300)])

    def test_a_folder_without_pictures_says_what_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(UsageError, match=r"no pictures in .*; rtloc reads \.bmp, .*\.webp"):
            find_pictures([tmp_path])


class TestReading:
    @pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "jpg", "gif"])
    def test_every_kind_becomes_three_channels_of_bytes(self, tmp_path: Path, suffix: str) -> None:
        image = read_picture(save(tmp_path / f"a.{suffix}"))
        assert image.dtype == np.uint8
        assert image.shape == IMAGE.shape
        assert np.abs(image[2:8, 2:18].astype(int) - (255, 40, 0)).max() < 40

    def test_grey_deep_and_transparent_pictures_too(self, tmp_path: Path) -> None:
        grey = np.full((4, 6), 77, np.uint8)
        assert (read_picture(save(tmp_path / "grey.png", grey)) == 77).all()
        deep = np.full((4, 6, 3), 77 * 256 + 128, np.uint16)
        assert (read_picture(save(tmp_path / "deep.png", deep)) == 77).all()
        clear = np.full((4, 6, 4), 77, np.uint8)
        assert (read_picture(save(tmp_path / "clear.png", clear)) == 77).all()

    @pytest.mark.parametrize(
        ("orientation", "turn"),
        [
            (1, lambda image: image),
            (3, lambda image: image[::-1, ::-1]),
            (6, lambda image: np.rot90(image, -1)),
            (8, np.rot90),
        ],
    )
    def test_a_turned_photo_is_read_upright(self, tmp_path: Path, orientation: int, turn) -> None:
        path = save(tmp_path / "a.jpg")
        path.write_bytes(with_exif_orientation(path.read_bytes(), orientation))
        upright = turn(IMAGE)
        image = read_picture(path)
        assert image.shape == upright.shape
        assert np.abs(image.astype(int) - upright).mean() < 5

    @pytest.mark.parametrize(
        ("content", "words"),
        [(b"", "is empty"), (b"only words", "no picture"), (b"\x89PNG\r\n\x1a\n", "no picture")],
    )
    def test_what_is_no_picture_is_an_error(
        self, tmp_path: Path, content: bytes, words: str
    ) -> None:
        path = tmp_path / "a.png"
        path.write_bytes(content)
        with pytest.raises(RtlocError, match=rf"a\.png.*{words}"):
            read_picture(path)

    def test_a_png_that_is_cut_short_is_told_by_us_alone(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
        path = save(tmp_path / "a.png", noise)
        data = path.read_bytes()
        for part in (0.01, 0.6, 0.99):
            path.write_bytes(data[: round(part * len(data))])
            with pytest.raises(RtlocError, match=r"a\.png is no picture that OpenCV reads"):
                read_picture(path)
        assert capfd.readouterr().err == ""

    def test_a_folder_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(RtlocError, match=r"cannot read .*: Is a directory"):
            read_picture(tmp_path)


class TestWriting:
    @pytest.mark.parametrize("name", ["a.png", "a.BMP", "a.rtloc.png"])
    def test_what_was_written_can_be_read(self, tmp_path: Path, name: str) -> None:
        write_picture(tmp_path / name, IMAGE)
        assert np.array_equal(cv2.imread(str(tmp_path / name)), IMAGE)
        assert [p.name for p in tmp_path.iterdir()] == [name]

    @pytest.mark.parametrize("place", ["/proc/a.png", "/nowhere/a.png"])
    def test_a_place_that_takes_no_file_is_an_error(self, place: str) -> None:
        with pytest.raises(RtlocError, match=f"cannot write {place}"):
            write_picture(Path(place), IMAGE)

    def test_a_folder_of_that_name_is_an_error_and_nothing_is_left(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").mkdir()
        with pytest.raises(RtlocError, match=r"cannot write .*a\.png"):
            write_picture(tmp_path / "a.png", IMAGE)
        assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


class TestNaming:
    def name(self, *pictures: str) -> list[str]:
        return [str(n) for n in annotated_names(map(Path, pictures), Path("out"))]

    def test_a_copy_is_named_after_its_picture(self) -> None:
        assert self.name("x/a.b.jpg", "c.PNG") == ["out/a.b.rtloc.jpg", "out/c.rtloc.PNG"]

    def test_kinds_that_are_read_but_not_written_well_become_png(self) -> None:
        assert self.name("a.gif", "b.tiff", "c") == [
            "out/a.rtloc.png",
            "out/b.rtloc.png",
            "out/c.rtloc.png",
        ]

    def test_no_two_copies_have_the_same_name_even_where_letter_case_does_not_count(self) -> None:
        names = self.name("x/a.png", "y/a.png", "A.png", "a-2.png", "a.gif", "a.jpg")
        assert names[:2] == ["out/a.rtloc.png", "out/a-2.rtloc.png"]
        assert names[-1] == "out/a.rtloc.jpg"
        assert len({name.casefold() for name in names}) == len(names)
