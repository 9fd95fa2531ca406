"""The engine file: a header that can be checked, then TensorRT's serialized engine.

An engine is code: whoever runs it trusts who made it. So nothing is handed to TensorRT that is not
whole and what it claims to be. Layout: MAGIC, the length of the description (8 bytes, little
endian), the description (JSON, UTF-8), the SHA-256 of all that follows, and the engine.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from engines.errors import EngineError
from engines.model_file import DAMAGED, ModelInfo, check_ranges
from engines.moved import moved_when_whole, partial_name
from engines.tensorrt_module import MODULES

MAGIC = b"rtloc engine 1\n"
SUFFIX = ".engine"
LENGTH_BYTES = 8
DIGEST_BYTES = 32
LONGEST_DESCRIPTION = 1 << 20


@dataclass(frozen=True)
class EngineInfo:
    """What an engine file says of itself.

    onnx_sha256: of the model file that it was made of; flavour, tensorrt_version: what built it;
    gpu, compute_capability, driver_cuda: for which machine, empty where none was needed to build;
    shapes: least, usual and greatest of the input, [B, H, W, 3]; options: of the build; the others
    are those of the model file.
    """

    onnx_sha256: str
    flavour: str
    tensorrt_version: str
    gpu: str
    compute_capability: str
    driver_cuda: str
    shapes: tuple[tuple[int, ...], ...]
    options: Mapping[str, int | bool | None]
    labels: tuple[str, ...]
    input_size: int
    threshold: float
    stage: str
    precision: str

    def model_info(self, path: Path) -> ModelInfo:
        """Return what the model file would say, but for its measured figures and its one size."""
        return ModelInfo(
            path,
            self.labels,
            self.input_size,
            self.threshold,
            self.stage,
            {},
            self.precision,
            any_size=False,
        )


class EngineFileError(EngineError):
    """An engine file is damaged, cut short, or none at all."""


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        EngineError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}") from error


def write_engine(path: Path, info: EngineInfo, plan: bytes) -> None:
    """Write an engine file, whole or not at all.

    Raises:
        EngineError: it cannot be written there.
    """
    about = json.dumps(asdict(info), ensure_ascii=False).encode()
    try:
        with moved_when_whole(partial_name(path), path) as partial, partial.open("wb") as file:
            file.write(MAGIC)
            file.write(len(about).to_bytes(LENGTH_BYTES, "little"))
            file.write(about)
            file.write(digest_of(about, plan))
            file.write(plan)
    except OSError as error:
        raise EngineError(f"cannot write {path}: {error.strerror}") from error


def read_engine_info(path: Path) -> EngineInfo:
    """Read what an engine file says of itself, without the engine.

    Raises:
        EngineFileError: it is no engine file of rtloc, or damaged.
        EngineError: it cannot be read.
    """
    with opened(path) as file:
        return read_head(path, file)[0]


def read_engine(path: Path) -> tuple[EngineInfo, bytes]:
    """Read an engine file, and make sure that no bit of it has changed.

    Raises:
        EngineFileError: it is no engine file of rtloc, damaged, or cut short.
        EngineError: it cannot be read.
    """
    with opened(path) as file:
        info, about, digest = read_head(path, file)
        plan = file.read()
    if digest_of(about, plan) != digest:
        raise EngineFileError(f"{path} is damaged or cut short; compile the model again")
    return info, plan


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read; raise EngineError where that, or reading it, fails."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}") from error


def read_head(path: Path, file: BinaryIO) -> tuple[EngineInfo, bytes, bytes]:
    """Return the description, read and as it is, and the checksum; the engine comes next.

    Raises:
        EngineFileError: it is no engine file of rtloc, or damaged.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise EngineFileError(f"{path} is no engine file of rtloc; make one with `rtloc compile`")
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    about = file.read(min(length, LONGEST_DESCRIPTION))
    digest = file.read(DIGEST_BYTES)
    if len(about) < length or len(digest) < DIGEST_BYTES:
        raise EngineFileError(f"{path} is damaged or cut short; compile the model again")
    try:
        fields = json.loads(about)
        shapes = tuple(tuple(shape) for shape in fields.pop("shapes"))
        info = EngineInfo(**fields | {"shapes": shapes, "labels": tuple(fields["labels"])})
        check_described(info, path)
    except DAMAGED as error:
        raise EngineFileError(f"{path} is damaged; compile the model again") from error
    return info, about, digest


def check_described(info: EngineInfo, path: Path) -> None:
    """Raise ValueError, or TypeError, where no engine can be what a description says."""
    if info.flavour not in MODULES:
        raise ValueError(f"there is no {info.flavour}")
    if [len(shape) for shape in info.shapes] != [4, 4, 4]:
        raise ValueError("an input has four sides, and three shapes")
    if not all(isinstance(side, int) and side > 0 for shape in info.shapes for side in shape):
        raise ValueError("a side is no number of pixels")
    if not info.labels or not all(isinstance(label, str) for label in info.labels):
        raise ValueError("the labels are no names")
    check_ranges(info.model_info(path))


def digest_of(about: bytes, plan: bytes) -> bytes:
    """Return the checksum of a description and an engine."""
    return hashlib.sha256(about + plan).digest()
