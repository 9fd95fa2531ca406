"""The cache of engines: compiled once for a model, a TensorRT and a GPU, then loaded in no time.

Two processes that want the same engine do not clash: one compiles, the other waits for it. An
engine that is damaged, or of another model, TensorRT or GPU than its name says, is compiled again.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from engines.engine_build import BuildOptions, Report, build_engine, input_shapes
from engines.engine_file import (
    SUFFIX,
    EngineFileError,
    EngineInfo,
    hash_of,
    read_engine,
    read_engine_info,
    write_engine,
)
from engines.errors import EngineError
from engines.gpu import Gpu
from engines.model_file import ModelInfo
from engines.tensorrt_module import load_tensorrt

FOLDER_VARIABLE = "RTLOC_CACHE"
KEY_DIGITS = 16
KEYED = rf".+-[0-9a-f]{{{KEY_DIGITS}}}"
OWN_NAME = re.compile(rf"{KEYED}\.(engine|lock)|\.{KEYED}\.engine\.part")


@dataclass(frozen=True)
class CachedEngine:
    """An engine file in the cache; info: None where it is damaged."""

    path: Path
    size_bytes: int
    info: EngineInfo | None


def cache_folder() -> Path:
    """Return the folder of the cache: $RTLOC_CACHE, or the user's own by the system's custom."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("rtloc")) / "engines"


def described(
    info: ModelInfo, flavour: str, version: str, gpu: Gpu, options: BuildOptions
) -> EngineInfo:
    """Say what an engine of this model is, or will be."""
    return EngineInfo(
        onnx_sha256=hash_of(info.path),
        flavour=flavour,
        tensorrt_version=version,
        gpu=gpu.name,
        compute_capability=gpu.compute_capability,
        driver_cuda=gpu.driver_cuda,
        shapes=input_shapes(info, options.batch),
        options=asdict(options),
        labels=info.labels,
        input_size=info.input_size,
        threshold=info.threshold,
        stage=info.stage,
        precision=info.precision,
    )


def place_of(wanted: EngineInfo, name: str) -> Path:
    """Return where in the cache an engine lies: its name has all that it depends on, as a hash.

    Not the driver: TensorRT's engines run on newer ones.
    """
    text = json.dumps(asdict(replace(wanted, driver_cuda="")), sort_keys=True, ensure_ascii=False)
    key = hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]
    return cache_folder() / f"{name}-{key}{SUFFIX}"


def cached_engine(
    info: ModelInfo,
    flavour: str,
    gpu: Gpu,
    options: BuildOptions,
    report: Report = lambda phase, done, steps: None,
) -> tuple[EngineInfo, bytes]:
    """Return the engine of a model file, from the cache or compiled now.

    Raises:
        BackendUnavailableError: TensorRT is not installed, or needs a GPU and there is none.
        EngineError: TensorRT refuses the model, or the cache cannot be written.
    """
    wanted = described(info, flavour, load_tensorrt(flavour).__version__, gpu, options)
    path = place_of(wanted, info.path.stem)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_suffix(".lock")).acquire()
    except OSError as error:
        raise EngineError(
            f"cannot write {path.parent}: {error.strerror}; set {FOLDER_VARIABLE} to another folder"
        ) from error
    with lock:
        if path.exists():
            try:
                found, plan = read_engine(path)
            except EngineFileError:
                found, plan = None, b""
            if found is not None and replace(found, driver_cuda=wanted.driver_cuda) == wanted:
                return found, plan
        built = build_engine(info, flavour, options, report)
        check_unchanged(info, wanted.onnx_sha256)
        write_engine(path, wanted, built.plan)
    return wanted, built.plan


def check_unchanged(info: ModelInfo, onnx_sha256: str) -> None:
    """Make sure that a model file is still what it was before it was compiled.

    Raises:
        EngineError: it is not, and so nobody knows what the engine was made of.
    """
    if hash_of(info.path) != onnx_sha256:
        raise EngineError(f"{info.path} was changed while it was compiled; compile it again")


def engines_in_cache() -> Iterator[CachedEngine]:
    """Yield what lies in the cache, by name."""
    for path in own_files():
        if path.suffix != SUFFIX:
            continue
        try:
            size_bytes = path.stat().st_size
            info = read_engine_info(path)
        except OSError:  # somebody has just removed it
            continue
        except EngineError:
            info = None
        yield CachedEngine(path, size_bytes, info)


def own_files() -> list[Path]:
    """Return the files that were made for the cache, by name; its folder may hold others, too."""
    files = cache_folder().glob("*")
    return sorted(path for path in files if OWN_NAME.fullmatch(path.name) and path.is_file())


def clear_cache() -> int:
    """Remove engines, locks and what was not written to its end; return how many engines it was.

    What another process is compiling now stays, and those that wait for it find it.
    """
    removed = 0
    for key, files in groupby(sorted(own_files(), key=key_of), key_of):
        lock = cache_folder() / f"{key}.lock"
        with suppress(Timeout), FileLock(lock).acquire(timeout=0):
            for path in files:
                if path != lock:
                    path.unlink(missing_ok=True)
                    removed += path.suffix == SUFFIX
            with suppress(PermissionError):  # Windows lets no open file go
                lock.unlink()
    return removed


def key_of(path: Path) -> str:
    """Return the name that an engine, its lock and what is not written to its end yet share."""
    return path.name.removeprefix(".").removesuffix(".part").rpartition(".")[0]
