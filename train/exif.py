"""Turn pictures upright as their EXIF data says, where OpenCV does not: where alpha is kept."""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

PNG_MARK = b"\x89PNG\r\n\x1a\n"
HEADER = b"Exif\0\0"  # before the data in JPEG; some write it into other files as well
ORIENTATION = 0x112
# by orientation: whether rows and columns are swapped, then the rows reversed, the columns reversed
TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def upright(image: NDArray[np.uint8], data: bytes) -> NDArray[np.uint8]:
    """Turn a picture, uint8 [H, W, C], as the PNG or WebP file says that it was decoded from."""
    exif = next((body for kind, body in chunks_of(data) if kind in (b"eXIf", b"EXIF")), b"")
    swapped, rows, columns = TURNS.get(orientation_of(exif), (False, False, False))
    turned = image.swapaxes(0, 1) if swapped else image
    turned = turned[::-1] if rows else turned
    return np.ascontiguousarray(turned[:, ::-1] if columns else turned)


def chunks_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the content of each chunk of a PNG or WebP file; of others nothing."""
    if data.startswith(PNG_MARK):
        at = len(PNG_MARK)
        while at + 8 <= len(data):
            length, kind = struct.unpack_from(">I4s", data, at)
            yield kind, data[at + 8 : at + 8 + length]
            at += 12 + length
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        at = 12
        while at + 8 <= len(data):
            kind, length = struct.unpack_from("<4sI", data, at)
            yield kind, data[at + 8 : at + 8 + length]
            at += 8 + length + length % 2


def orientation_of(exif: bytes) -> int:
    """Return the orientation that EXIF data tells, 1 to 8; 1, upright, where it tells none."""
    tiff = exif.removeprefix(HEADER)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, at)
        for n in range(entries):
            tag, value = struct.unpack_from(f"{order}H6xH", tiff, at + 2 + 12 * n)
            if tag == ORIENTATION:
                return int(value)
    except struct.error:  # it is cut off
        pass
    return 1
