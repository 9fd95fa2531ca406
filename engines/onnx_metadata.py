"""Read the metadata of an ONNX file without the `onnx` package, and find out if it is cut short.

An ONNX file is one protobuf message: a row of fields, each a key (field number and wire type) and a
value (https://protobuf.dev/programming-guides/encoding/). `ModelProto.metadata_props` is field 14,
its entries hold key (1) and value (2): https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Iterator
from pathlib import Path

from engines.errors import EngineError

IR_VERSION = 1
GRAPH = 7
METADATA_PROPS = 14
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read_onnx_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of the ONNX file at `path`.

    Raises:
        EngineError: the file cannot be read, is no ONNX file, or is cut short.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}") from error
    metadata: dict[str, str] = {}
    seen = set()
    try:
        for number, value in fields(memoryview(data)):
            seen.add(number)
            if number == METADATA_PROPS and isinstance(value, memoryview):
                entry = {
                    n: bytes(v).decode() for n, v in fields(value) if isinstance(v, memoryview)
                }
                metadata[entry.get(1, "")] = entry.get(2, "")
    except EOFError as error:
        if {IR_VERSION, GRAPH} & seen:
            raise EngineError(f"{path} is cut short; copy or export it again") from error
        raise EngineError(f"{path} is no ONNX file") from error
    except ValueError as error:
        raise EngineError(f"{path} is no ONNX file") from error
    if not {IR_VERSION, GRAPH} <= seen:
        state = "is cut short; copy or export it again" if seen else "is empty"
        raise EngineError(f"{path} {state}")
    return metadata


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value) of a protobuf message; values are numbers or raw bytes.

    Raises:
        EOFError: a field reaches past the end.
        ValueError: this is not protobuf.
    """
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, at = varint(data, at)
            yield number, value
            continue
        if wire_type == BYTES:
            length, at = varint(data, at)
        elif wire_type in {FIXED32, FIXED64}:
            length = 4 if wire_type == FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire_type} at byte {at}")
        if number == 0:
            raise ValueError(f"field number 0 at byte {at}")
        if at + length > len(data):
            raise EOFError(f"field {number} ends past the last byte")
        yield number, data[at : at + length]
        at += length


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, low bits first; return it and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise EOFError("a number ends past the last byte")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"number too long at byte {at}")
