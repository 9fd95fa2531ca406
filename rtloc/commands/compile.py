"""`rtloc compile`: make a TensorRT engine of a model file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from engines.engine_build import BuildOptions, build_engine
from engines.engine_cache import check_unchanged, described
from engines.engine_file import SUFFIX, hash_of, write_engine
from engines.errors import BackendUnavailableError
from engines.gpu import Gpu, find_gpu
from engines.model_file import at_size, form_in, read_model_info, resolve_model
from engines.tensorrt_backend import PRECISIONS
from engines.tensorrt_module import MODULES, is_built_apart
from rtloc.commands.options import input_size_option, with_options
from rtloc.engine_progress import engine_progress
from rtloc.errors import UsageError
from rtloc.files import check_apart, check_writable, whole_file
from rtloc.localizer import DEFAULT_MODEL

LARGEST_WORKSPACE_MIB = 1 << 20  # a TiB
NO_GPU = Gpu("", "", 0, "")
ANY_GPU = {False: "any RTX GPU of Ampere or newer", True: "any RTX GPU of Turing"}
DEFAULTS = BuildOptions()
BUILD_OPTIONS = (
    click.option(
        "--batch",
        type=click.IntRange(1, 64),
        default=DEFAULTS.batch,
        show_default=True,
        help="The most frames at once.",
    ),
    click.option(
        "--optimization-level",
        type=click.IntRange(0, 5),
        default=DEFAULTS.optimization_level,
        show_default=True,
        help="How long TensorRT looks for faster kernels.",
    ),
    click.option(
        "--workspace-mib",
        type=click.IntRange(1, LARGEST_WORKSPACE_MIB),
        help="Memory that TensorRT may use for its kernels.  [default: all]",
    ),
    click.option(
        "--version-compatible",
        is_flag=True,
        help="Let newer TensorRT of the same major version run it (tensorrt).",
    ),
    click.option(
        "--hardware-compatible",
        is_flag=True,
        help="Let other GPUs, of Ampere or newer, run it.",
    ),
    click.option(
        "--turing",
        is_flag=True,
        help="Let GPUs of Turing run it, and no others (tensorrt-rtx).  [default: where this "
        "machine's is one]",
    ),
)


@click.command("compile")
@click.argument("model", default=DEFAULT_MODEL)
@click.option(
    "--backend",
    "flavour",
    type=click.Choice(list(MODULES)),
    default="tensorrt",
    show_default=True,
    help="tensorrt-rtx needs no GPU to compile.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="[default: the model file's name with .engine]",
)
@click.option(
    "--timing-cache",
    type=click.Path(path_type=Path),
    help="A file of what TensorRT learns about kernels: read, and written again.",
)
@with_options(input_size_option, *BUILD_OPTIONS)
def command(
    model: str,
    flavour: str,
    out: Path | None,
    timing_cache: Path | None,
    input_size: int | None,
    **options: Any,
) -> None:
    """Compile MODEL, a model file in fp16 or fp32, into an engine for this machine's GPU.

    Of a model in 8 bits its form NAME-fp16.onnx or NAME-fp32.onnx beside it is taken.
    An engine is code: run only those that you or somebody whom you trust has compiled.
    """
    wanted = BuildOptions(**options)
    if wanted.turing and flavour != "tensorrt-rtx":
        raise UsageError("--turing is for --backend tensorrt-rtx; leave it out")
    if wanted.version_compatible and flavour != "tensorrt":
        raise UsageError("--version-compatible is for --backend tensorrt; leave it out")
    info = form_in(at_size(read_model_info(resolve_model(model)), input_size), PRECISIONS)
    out = out or Path(f"{info.path.stem}.engine")
    check_targets(info.path, out, timing_cache)
    known = None
    if timing_cache is not None:
        known = timing_cache.read_bytes() if timing_cache.exists() else b""
    gpu = gpu_if_any()
    if is_built_apart(flavour, gpu) and not wanted.hardware_compatible:
        wanted = replace(wanted, turing=True)
    onnx_sha256 = hash_of(info.path)
    with engine_progress() as report:
        built = build_engine(info, flavour, wanted, report, known)
    check_unchanged(info, onnx_sha256)
    about = described(info, flavour, built.tensorrt_version, gpu, wanted)
    write_engine(out, about, built.plan)
    if timing_cache is not None:
        with whole_file(timing_cache) as partial:
            partial.write_bytes(built.timing_cache)
    click.echo(
        f"{out}: {len(built.plan) / 1e6:.1f} MB, {info.precision}, {flavour} "
        f"{built.tensorrt_version}, for {gpu.name or ANY_GPU[wanted.turing]}",
        err=True,
    )


def check_targets(model: Path, out: Path, timing_cache: Path | None) -> None:
    """Make sure that what will be written can be, and is not what is read.

    Raises:
        UsageError: it cannot.
    """
    if out.suffix != SUFFIX:  # what runs a file goes by it
        raise UsageError(f"{out} must end in {SUFFIX}")
    check_writable(out)
    check_apart(out, model)
    if timing_cache is not None:
        check_writable(timing_cache)
        check_apart(timing_cache, out, model)


def gpu_if_any() -> Gpu:
    """Return the GPU, or nameless values where there is none: not every build needs one."""
    try:
        return find_gpu()
    except BackendUnavailableError:
        return NO_GPU
