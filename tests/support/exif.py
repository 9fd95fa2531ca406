"""Turn photos as cameras do: by a note in the file."""

import struct
import zlib


def exif_of(orientation: int, order: str = ">") -> bytes:
    """EXIF data that tell the orientation (tag 0x112), behind a tag of no importance."""
    entries = [struct.pack(f"{order}HHII", 0x100, 4, 1, 6)]
    entries.append(struct.pack(f"{order}HHIHH", 0x112, 3, 1, orientation, 0))
    head = (b"MM" if order == ">" else b"II") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    return head + b"".join(entries) + bytes(4)


def with_exif_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Put an EXIF block that tells the orientation (tag 0x112) into a JPEG."""
    entry = struct.pack(">HHIHH", 0x112, 3, 1, orientation, 0)
    body = b"Exif\0\0" + b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def png_with_exif(png: bytes, exif: bytes) -> bytes:
    """Put EXIF data into a PNG file, behind its header."""
    body = b"eXIf" + exif
    chunk = struct.pack(">I", len(exif)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]


def webp_with_exif(webp: bytes, exif: bytes, size_wh: tuple[int, int]) -> bytes:
    """Put EXIF data into a WebP file with alpha and nothing else, behind its picture."""
    width, height = (struct.pack("<I", side - 1)[:3] for side in size_wh)
    extended = b"VP8X" + struct.pack("<I", 10) + bytes([0x18, 0, 0, 0]) + width + height
    padded = exif + bytes(len(exif) % 2)
    rest = extended + webp[12:] + b"EXIF" + struct.pack("<I", len(exif)) + padded
    return b"RIFF" + struct.pack("<I", 4 + len(rest)) + b"WEBP" + rest
