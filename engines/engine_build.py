"""Compile a model file into a TensorRT engine: parse, check, build; the same code for all flavours.

Networks are strongly typed, so the precision is that of the file: TensorRT 11 has no precision
flags any more (https://docs.nvidia.com/deeplearning/tensorrt/latest/api/migration-guide.html).
TensorRT for RTX builds on machines without a GPU
(https://docs.nvidia.com/deeplearning/tensorrt-rtx/latest/inference-library/cpu-engines.html).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engines.errors import BackendUnavailableError, EngineError
from engines.model_file import (
    INPUT,
    SMALLEST_SQUARE,
    USUAL_ASPECT,
    ModelInfo,
    check_contract,
    input_wh,
)
from engines.tensorrt_module import load_tensorrt

if TYPE_CHECKING:
    import tensorrt

ANSWER_EVERY_S = 0.1  # how soon Ctrl-C is heard while TensorRT builds
Report = Callable[[str, int, int], None]  # phase, its steps done, its steps in all


@dataclass(frozen=True)
class BuildOptions:
    """How an engine is built.

    batch: the most frames that it takes at once; optimization_level: 0 to 5, how long TensorRT
    looks for faster kernels; workspace_mib: memory that it may use for them, None: all.
    version_compatible: newer TensorRT of the same major version can run it; TensorRT for RTX builds
    no such ones; hardware_compatible: so can other GPUs, of Ampere or newer. Both may cost speed.
    turing: GPUs of Turing can run it, and no others; for TensorRT for RTX, whose engines else run
    on all newer ones.
    """

    batch: int = 1
    optimization_level: int = 3
    workspace_mib: int | None = None
    version_compatible: bool = False
    hardware_compatible: bool = False
    turing: bool = False


@dataclass(frozen=True, eq=False)
class Built:
    """A serialized engine, and what TensorRT learnt about kernels, for the next build."""

    plan: bytes
    timing_cache: bytes
    tensorrt_version: str


@dataclass
class Talk:
    """What is said while TensorRT works: its errors, its progress, and that it shall stop.

    flavour: how it is called in our own errors.
    """

    flavour: str
    report: Report
    errors: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def last_error(self) -> str:
        """Return the last error that is no complaint of CUDA about a missing GPU."""
        told = [text for text in self.errors if "(cudaError" not in text] or self.errors
        return told[-1].splitlines()[0] if told else "TensorRT gave no reason"


def input_shapes(info: ModelInfo, batch: int) -> tuple[tuple[int, ...], ...]:
    """Return the least, the usual and the greatest shape of the input, [B, H, W, 3] each."""
    size = info.input_size
    width, height = input_wh(*USUAL_ASPECT, size)
    shortest = min(SMALLEST_SQUARE, size)
    least = (1, shortest, shortest, 3)
    usual = (batch, max(height, shortest), width, 3)
    return least, usual, (batch, size, size, 3)


def build_engine(
    info: ModelInfo,
    flavour: str,
    options: BuildOptions,
    report: Report = lambda phase, done, steps: None,
    timing_cache: bytes | None = None,
) -> Built:
    """Compile a model file; Ctrl-C (KeyboardInterrupt) ends the build.

    flavour: a key of engines.tensorrt_module.MODULES; timing_cache: of an earlier build, b"" at
    first; None: none is asked for. TensorRT for RTX learns nothing and gives back a stub.

    Raises:
        BackendUnavailableError: TensorRT is not installed, or needs a GPU and there is none.
        EngineError: TensorRT refuses the model.
    """
    trt = load_tensorrt(flavour)
    talk = Talk(flavour, report)
    # TensorRT calls back from C++, where a KeyboardInterrupt must not rise: it works in a thread
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(build, trt, info, options, timing_cache, talk)
        try:
            while not wait([work], ANSWER_EVERY_S).done:
                pass
        except KeyboardInterrupt:
            talk.stop.set()
            raise
    return work.result()


def build(
    trt: Any, info: ModelInfo, options: BuildOptions, known: bytes | None, talk: Talk
) -> Built:
    """Do the work of `build_engine`; known: the timing cache of an earlier build."""
    logger = listener(trt, talk)
    try:
        builder: tensorrt.Builder = trt.Builder(logger)
    except TypeError as error:  # what the bindings make of a null pointer
        raise BackendUnavailableError(
            f"{talk.flavour} cannot build here, it needs an NVIDIA GPU: {talk.last_error()}"
        ) from error
    network = parsed(trt, builder, logger, info, talk)
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    shapes = [trt.Dims(shape) for shape in input_shapes(info, options.batch)]
    profile.set_shape(INPUT, *shapes)
    config.add_optimization_profile(profile)
    apply(trt, config, options)
    if known is not None:
        config.set_timing_cache(config.create_timing_cache(known), ignore_mismatch=False)
    monitor = progress_monitor(trt, talk)  # must outlive the build, and TensorRT does not keep it
    config.progress_monitor = monitor
    # of Any: the bindings do not tell that a plan is a buffer
    plan: Any = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"{talk.flavour} cannot build {info.path}: {talk.last_error()}")
    kept: Any = b"" if known is None else config.get_timing_cache().serialize()
    return Built(bytes(plan), bytes(kept), trt.__version__)


def parsed(
    trt: Any, builder: tensorrt.Builder, logger: tensorrt.ILogger, info: ModelInfo, talk: Talk
) -> tensorrt.INetworkDefinition:
    """Parse a model file into a strongly typed network.

    Raises:
        EngineError: TensorRT does not take it; every complaint is told with its node.
    """
    flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(flags)
    parser: tensorrt.OnnxParser = trt.OnnxParser(network, logger)
    if not parser.parse(info.path.read_bytes()):
        complaints = [complaint(parser.get_error(n)) for n in range(parser.num_errors)]
        raise EngineError(
            f"{talk.flavour} cannot parse {info.path}: {'; '.join(complaints) or 'no reason given'}"
        )
    inputs = [network.get_input(n) for n in range(network.num_inputs)]
    sides: Any = inputs[0].shape if inputs else []  # a sequence, though of a type that is none
    outputs = [network.get_output(n) for n in range(network.num_outputs)]
    check_contract(
        info,
        [tensor.name for tensor in inputs],
        [tensor.name for tensor in outputs],
        bool(inputs) and inputs[0].dtype == trt.DataType.UINT8,
        [side if side >= 0 else None for side in sides],
    )
    return network


def complaint(error: tensorrt.ParserError) -> str:
    """Write a parser's error with the node that it is about."""
    node = error.node_name() or f"number {error.node()}"
    operator = error.node_operator()
    return f"node {node}{f' ({operator})' if operator else ''}: {error.desc().splitlines()[0]}"


def apply(trt: Any, config: tensorrt.IBuilderConfig, options: BuildOptions) -> None:
    """Tell a builder's configuration how to build."""
    config.builder_optimization_level = options.optimization_level
    if options.workspace_mib is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    if options.version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if options.hardware_compatible:
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    if options.turing:
        config.num_compute_capabilities = 1
        config.set_compute_capability(trt.ComputeCapability.SM75, 0)


def listener(trt: Any, talk: Talk) -> tensorrt.ILogger:
    """Return a logger that keeps errors and is silent."""

    class Listener(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                talk.errors.append(message)

    return Listener()


def progress_monitor(trt: Any, talk: Talk) -> tensorrt.IProgressMonitor:
    """Return a monitor that reports TensorRT's outermost phases and can stop the build."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if parent_phase is None:
                self.steps[phase_name] = num_steps
                talk.report(phase_name, 0, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self.steps:
                talk.report(phase_name, step + 1, self.steps[phase_name])
            return not talk.stop.is_set()

        def phase_finish(self, phase_name: str) -> None:
            if phase_name in self.steps:
                talk.report(phase_name, self.steps[phase_name], self.steps[phase_name])

    return Monitor()
