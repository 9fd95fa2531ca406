"""What a model file says of itself, and what is said of files that are none."""

from pathlib import Path

import odd_models
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.errors import EngineError, UnknownNameError
from engines.model_file import read_model_info, resolve_model, shipped_models
from engines.onnx_metadata import fields, read_onnx_metadata, varint

SHIPPED = shipped_models()["pokemon"]
WHOLE = odd_models.model().SerializeToString()
each_example_overwrites = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def refusal(path: Path) -> str:
    """Read a file that is no usable model; return the one line that says why."""
    with pytest.raises(EngineError) as caught:
        read_model_info(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    assert caught.value.exit_code == 1
    return line


@pytest.mark.parametrize(("name", "precision"), [("pokemon", "int8"), ("pokemon-fp32", "fp32")])
def test_a_shipped_model_tells_what_it_is(name: str, precision: str) -> None:
    info = read_model_info(shipped_models()[name])
    assert info.path == shipped_models()[name]
    assert info.labels == ("Bulbasaur", "Charmander", "Pikachu", "Squirtle")
    assert info.input_size == 512
    assert 0 < info.threshold < 1
    assert info.stage == "many-objects"
    assert info.precision == precision
    assert info.figures["map50"] >= 0.9


def test_metadata_is_read_as_the_onnx_package_reads_it() -> None:
    by_onnx = {p.key: p.value for p in onnx.load(str(SHIPPED)).metadata_props}
    assert read_onnx_metadata(SHIPPED) == by_onnx


def test_labels_keep_their_letters(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(WHOLE)
    info = read_model_info(path)
    assert info.labels == ("cat", "Pokémon")
    assert (info.input_size, info.threshold, info.figures) == (64, 0.5, {"map50": 0.75})


def test_a_file_cut_short_anywhere_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    for end in range(len(WHOLE)):
        path.write_bytes(WHOLE[:end])
        refusal(path)


@each_example_overwrites
@given(end=st.integers(0, SHIPPED.stat().st_size - 1))
def test_the_shipped_model_cut_short_is_refused_in_one_line(tmp_path: Path, end: int) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(SHIPPED.read_bytes()[:end])
    refusal(path)


def test_a_model_cut_in_its_weights_is_called_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    data = SHIPPED.read_bytes()
    for part in (0.1, 0.5, 0.99):
        path.write_bytes(data[: int(len(data) * part)])
        assert "is cut short; copy or export it again" in refusal(path)
    path.write_bytes(WHOLE[:2])  # the first field, and no more
    assert "is cut short; copy or export it again" in refusal(path)


@each_example_overwrites
@given(at=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_gives_a_model_or_one_line(tmp_path: Path, at: int, byte: int) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :])
    try:
        read_model_info(path)
    except EngineError as error:
        assert "\n" not in str(error)


@each_example_overwrites
@given(data=st.binary(max_size=300))
def test_random_bytes_are_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    refusal(path)


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.touch()
    assert "is empty" in refusal(path)


def test_a_text_is_called_no_onnx_file(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_text("This is not a model, only a text that bears its name.\n" * 20)
    assert "is no ONNX file" in refusal(path)


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot read" in refusal(tmp_path)


def test_a_missing_file_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot read" in refusal(tmp_path / "nothing.onnx")


def test_an_onnx_file_of_others_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(odd_models.model({}), str(path))
    assert "is an ONNX file but no model of rtloc" in refusal(path)


def test_another_format_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(odd_models.model({**odd_models.METADATA, "rtloc_format": "1"}), str(path))
    assert "has the model format 1, this rtloc reads 2" in refusal(path)


@pytest.mark.parametrize(
    "damage",
    [
        {"labels": "cat, dog"},
        {"labels": "3"},
        {"labels": '"cat"'},
        {"labels": "[]"},
        {"labels": "[" * 100_000},
        {"input_size": "large"},
        *({"input_size": size} for size in ("0", "-64", "32", "50", "4128")),
        {"threshold": ""},
        *({"threshold": value} for value in ("nan", "inf", "-0.1", "1.1")),
        {"figures": "[0.5]"},
        {"figures": '{"map50": "good"}'},
        {"figures": '{"map50": null}'},
        {"figures": f'{{"map50": 1{"0" * 400}}}'},
    ],
)
def test_damaged_metadata_is_called_so(tmp_path: Path, damage: dict[str, str]) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(odd_models.model({**odd_models.METADATA, **damage}), str(path))
    assert "has damaged metadata" in refusal(path)


@pytest.mark.parametrize("key", sorted(set(odd_models.METADATA) - {"rtloc_format"}))
def test_missing_metadata_is_named(tmp_path: Path, key: str) -> None:
    path = tmp_path / "m.onnx"
    kept = {k: v for k, v in odd_models.METADATA.items() if k != key}
    onnx.save(odd_models.model(kept), str(path))
    line = refusal(path)
    assert "has damaged metadata" in line
    assert key in line


def test_a_model_is_found_by_its_name_or_its_path(tmp_path: Path) -> None:
    assert resolve_model("pokemon") == SHIPPED
    assert resolve_model(str(SHIPPED)) == SHIPPED
    path = tmp_path / "mine.onnx"
    path.touch()
    assert resolve_model(str(path)) == path


@pytest.mark.parametrize("name", ["mewtwo", "nothing.onnx", ".", ""])
def test_an_unknown_model_is_refused_and_the_known_ones_named(name: str) -> None:
    with pytest.raises(UnknownNameError, match="pokemon") as caught:
        resolve_model(name)
    assert caught.value.exit_code == 2


def encoded(number: int) -> bytes:
    """Encode a protobuf varint, independently of the reader: seven bits a byte, low bits first."""
    digits = []
    while True:
        number, low = divmod(number, 128)
        digits.append(low)
        if not number:
            return bytes([d | 0x80 for d in digits[:-1]] + digits[-1:])


@given(st.integers(0, 2**63 - 1), st.binary(max_size=3), st.binary(max_size=3))
def test_a_varint_is_read_and_what_follows_is_left(
    number: int, before: bytes, after: bytes
) -> None:
    data = encoded(number)
    value, at = varint(memoryview(before + data + after), len(before))
    assert (value, at) == (number, len(before) + len(data))


def test_fields_of_every_wire_type_are_read() -> None:
    # 1: varint 150 (the example of the protobuf page), 2: bytes "testing", 3: fixed32, 4: fixed64
    data = bytes.fromhex("089601 120774657374696e67 1d01020304 210102030405060708")
    read = [(n, v if isinstance(v, int) else bytes(v)) for n, v in fields(memoryview(data))]
    assert read == [(1, 150), (2, b"testing"), (3, bytes([1, 2, 3, 4])), (4, bytes(range(1, 9)))]
