"""The model file: what it says of itself, and where the shipped ones are.

The contract: one ONNX file with the input `frames` uint8 [B, H, W, 3] (BGR, letterboxed) and the
outputs `boxes` float32 [B, K, 4] (x1 y1 x2 y2 in pixels of the input), `scores` float32 [B, K] and
`class_ids` [B, K], best first, overlaps already removed. H and W are multiples of 32, the longer
one is the model's input size S: `input_wh` gives those that waste least on bars.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engines.errors import EngineError, InputSizeError, UnknownNameError
from engines.onnx_metadata import read_onnx_metadata

FORMAT_VERSION = "2"
INPUT = "frames"
OUTPUTS = ("boxes", "scores", "class_ids")
USUAL_ASPECT = (16, 9)  # of the frames that an engine is made ready for
INPUT_STEP = 32  # the sides of an input are multiples of this
# in a smaller square a dense network has fewer cells than answers
SMALLEST_SQUARE = 2 * INPUT_STEP
# to ask for: of such a size the flattest input, one step high, has cells enough as well
SMALLEST_SIZE = 4 * INPUT_STEP
LARGEST_SIZE = 4096  # more than a frame of 4K has; of a typing error memory could run out
# what reading metadata that has been changed may raise
DAMAGED = (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError)
MODELS_FOLDER = Path(__file__).parent / "models"


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says of itself.

    path: the ONNX file; labels: by class id; input_size: S, the input's longer side in pixels;
    threshold: the default lowest score; stage: what it was trained on; figures: measured values by
    name; precision: of the convolutions, "fp32", "fp16" or "int8"; any_size: whether it finds
    objects in inputs of another size, too.
    """

    path: Path
    labels: tuple[str, ...]
    input_size: int
    threshold: float
    stage: str
    figures: Mapping[str, float]
    precision: str
    any_size: bool = True


def input_wh(width: int, height: int, size: int) -> tuple[int, int]:
    """Return width and height of the smallest input that holds a frame of width × height.

    The frame's longer side is scaled to `size`, S of the model.
    """
    longer = max(width, height)
    sides = (max(1, round(side * size / longer)) for side in (width, height))
    input_w, input_h = (-(-side // INPUT_STEP) * INPUT_STEP for side in sides)
    return input_w, input_h


def content_wh(width: int, height: int, into_wh: tuple[int, int]) -> tuple[int, int]:
    """Return the largest width and height at which a frame of width × height fits an input."""
    into_w, into_h = into_wh
    # the larger scale, where rounding to whole pixels makes it fit
    for scale in sorted((into_w / width, into_h / height), reverse=True):
        content_w, content_h = max(1, round(width * scale)), max(1, round(height * scale))
        if content_w <= into_w and content_h <= into_h:
            break
    return content_w, content_h


def shipped_models() -> dict[str, Path]:
    """Return the models that come with rtloc, by name."""
    return {path.stem: path for path in sorted(MODELS_FOLDER.glob("*.onnx"))}


def resolve_model(name: str) -> Path:
    """Return the file of a model given as a shipped name or a path.

    Raises:
        UnknownNameError: it is neither.
    """
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.is_file():
        return path
    names = ", ".join(shipped) or "none"
    raise UnknownNameError(
        f"no model {name!r}; give a shipped name ({names}) or the path of an ONNX file"
    )


def read_model_info(path: Path) -> ModelInfo:
    """Read what the model file at `path` says of itself.

    Raises:
        EngineError: the file is unreadable, no ONNX, cut short, damaged, or not made by rtloc.
    """
    metadata = read_onnx_metadata(path)
    version = metadata.get("rtloc_format")
    if version is None:
        raise EngineError(
            f"{path} is an ONNX file but no model of rtloc; make one with `rtloc export`"
        )
    if version != FORMAT_VERSION:
        raise EngineError(
            f"{path} has the model format {version}, this rtloc reads {FORMAT_VERSION}; "
            "export it again or update rtloc"
        )
    try:
        info = ModelInfo(
            path=path,
            labels=read_labels(metadata["labels"]),
            input_size=int(metadata["input_size"]),
            threshold=float(metadata["threshold"]),
            stage=metadata["stage"],
            figures={str(k): float(v) for k, v in json.loads(metadata["figures"]).items()},
            precision=metadata["precision"],
            any_size=bool(json.loads(metadata.get("any_size", "true"))),
        )
        check_ranges(info)
    except DAMAGED as error:
        raise EngineError(f"{path} has damaged metadata ({error!r}); export it again") from error
    return info


def read_labels(text: str) -> tuple[str, ...]:
    """Read labels, by class id, from JSON; raise ValueError where they are no list, or empty."""
    labels = json.loads(text)
    if not isinstance(labels, list) or not labels:
        raise ValueError("the labels are no list of names")
    return tuple(str(label) for label in labels)


def check_ranges(info: ModelInfo) -> None:
    """Raise ValueError where no model can have the threshold or the input size."""
    if not 0 <= info.threshold <= 1:  # nor is nan
        raise ValueError(f"the threshold {info.threshold} is not between 0 and 1")
    if not is_input_size(info.input_size, SMALLEST_SQUARE):  # a model's own
        raise ValueError(f"no input can have {info.input_size} pixels")


def is_input_size(size: int, smallest: int) -> bool:
    """Say whether the longer side of an input can have so many pixels."""
    return size % INPUT_STEP == 0 and smallest <= size <= LARGEST_SIZE


def at_size(info: ModelInfo, size: int | None) -> ModelInfo:
    """Return a model for inputs of another size; None: its own.

    size: the longer side in pixels, a multiple of INPUT_STEP, SMALLEST_SIZE to LARGEST_SIZE.

    Raises:
        InputSizeError: it is none, or the model or engine is for its own size only.
    """
    if size is None or size == info.input_size:
        return info
    if not info.any_size:
        raise InputSizeError(
            f"{info.path} takes inputs of {info.input_size} pixels only, not of {size}; "
            "leave out the input size"
        )
    if not is_input_size(size, SMALLEST_SIZE):
        raise InputSizeError(
            f"no input can have {size} pixels; give a multiple of {INPUT_STEP} "
            f"from {SMALLEST_SIZE} to {LARGEST_SIZE}"
        )
    return replace(info, input_size=size)


def form_in(info: ModelInfo, precisions: Sequence[str]) -> ModelInfo:
    """Return a model in one of the precisions: itself, or its form NAME-PRECISION.onnx beside it.

    Beside NAME-int8.onnx, NAME.onnx may be that form, too. It is given inputs of as many pixels as
    `info` has.

    Raises:
        EngineError: there is none.
    """
    if info.precision in precisions:
        return info
    own = read_model_info(info.path)
    name = info.path.stem.removesuffix(f"-{info.precision}")
    stems = [f"{stem}-{precision}" for stem in (info.path.stem, name) for precision in precisions]
    for stem in dict.fromkeys([*stems, name]):
        path = info.path.with_stem(stem)
        if path.is_file():
            form = read_model_info(path)
            if form.precision in precisions and (form.labels, form.input_size) == (
                own.labels,
                own.input_size,
            ):
                return at_size(form, info.input_size)
    raise EngineError(
        f"{info.path} is in {info.precision}; give a model in {' or '.join(precisions)} "
        "(`rtloc export --precision fp16`)"
    )


def check_contract(
    info: ModelInfo,
    inputs: Sequence[str],
    outputs: Sequence[str],
    frames_uint8: bool,
    frames_shape: Sequence[object],
) -> None:
    """Make sure that a graph has the inputs and outputs of the contract.

    inputs, outputs: their names; frames_uint8: whether the first input is uint8; frames_shape: its
    sides, where those that are no int may have any length.

    Raises:
        EngineError: it has others.
    """
    sides = [side if isinstance(side, int) else None for side in frames_shape[1:]]
    fits = sides in ([None, None, 3], [None, None, None])
    named = list(inputs) == [INPUT] and list(outputs) == list(OUTPUTS)
    if not (named and frames_uint8 and fits):
        raise EngineError(f"{info.path} has other inputs or outputs than a model of rtloc")
