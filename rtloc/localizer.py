"""The library's front door: a model made ready, and pictures in, detections out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from engines.backends import (
    Backend,
    HasDevice,
    Load,
    RawOutputs,
    open_backend,
    open_on_cpu,
    read_model,
)
from engines.errors import DeviceLostError
from engines.model_file import at_size, input_wh, resolve_model
from rtloc.detections import Detections
from rtloc.errors import UsageError
from rtloc.frame import Frame, check_picture, check_pixels, size_wh
from rtloc.letterbox import Letterbox, fit, letterbox, unfit

DEFAULT_MODEL = "pokemon"
LOG = logging.getLogger(__name__)
Report = Callable[[str, int, int], None]
Lap = Callable[[str], None]


def no_lap(stage: str) -> None:
    """Measure nothing."""


class Inputs(threading.local):
    """The model's input as each thread fills it, kept from one frame to the next."""

    def __init__(self) -> None:
        self._last = np.empty((0, 0, 0, 3), np.uint8)

    def of_shape(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return an input of a shape, the last one again where it fits."""
        if self._last.shape != shape:
            self._last = np.empty(shape, np.uint8)
        return self._last


class Localizer:
    """Finds objects in pictures.

        detections = Localizer().locate(cv2.imread("photo.jpg"))

    Any number of threads may share one localizer.

    info: what the model says of itself, its labels among it; threshold: the lowest score that
    counts; backend: the name of the one that runs; backend_reason: why that one.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        backend: str = "auto",
        threshold: float | None = None,
        classes: Iterable[str] | None = None,
        input_size: int | None = None,
        streams: int = 1,
        threads: int | None = None,
        batch: int = 1,
        report: Report = lambda phase, done, steps: None,
    ) -> None:
        """Load a model (a shipped name or an ONNX file) and make it ready to run.

        threshold: the lowest score that counts, 0..1; None: the model's own.
        classes: labels to look for; None: all.
        input_size: the longer side to which pictures are scaled, a multiple of 32 pixels; a larger
            one than the model's own finds smaller objects, and takes longer. None: the model's own.
        streams: how many threads will locate at once; more than one gives more frames per second
            in all, at a higher latency of each.
        threads: CPU threads for one inference; None: the runtime's choice.
        batch: how many pictures will be located together, mostly.
        report: is told how far an engine is that is compiled first: phase, steps done, steps in
            all.

        Raises:
            engines.errors.EngineError: the model or the backend cannot be used, or not at that
                size.
            UsageError: the threshold is not within 0..1, streams or batch is below 1, or the model
                does not know a class.
        """
        if threshold is not None and not 0 <= threshold <= 1:
            raise UsageError(f"the threshold {threshold} is not between 0 and 1")
        for name, number in (("streams", streams), ("batch", batch)):
            if number < 1:
                raise UsageError(f"{name} is {number}; it must be 1 or more")
        asked = at_size(read_model(resolve_model(str(model))), input_size)
        self._class_ids = wanted_classes(classes, asked.labels)
        load = Load(streams, threads, batch, report)
        self._engine, self.backend_reason = open_backend(asked, backend, load)
        self._asked, self._load, self._falling = asked, load, threading.Lock()
        self._lost: Backend | None = None
        self.backend = self._engine.name
        self.info = self._engine.info
        self.threshold = self.info.threshold if threshold is None else threshold
        self._inputs = Inputs()

    def locate(self, image: NDArray[np.uint8]) -> Detections:
        """Find the objects in one picture, uint8 [H, W, 3] BGR (as OpenCV reads it).

        Raises:
            RtlocError: it is no array or another one, or has no pixels.
            engines.errors.EngineError: the GPU is lost, and the CPU cannot go on.
        """
        return self.locate_batch([image])[0]

    def locate_frame(self, frame: Frame) -> Detections:
        """Find the objects in a frame of a source, whichever form its pixels have.

        Raises:
            RtlocError: they have neither form.
            engines.errors.EngineError: the GPU is lost, and the CPU cannot go on.
        """
        return self.locate_frames([frame])[0]

    def locate_frames(self, frames: Sequence[Frame], lap: Lap = no_lap) -> list[Detections]:
        """Find the objects in several frames; those of one shape are run together.

        lap: is told when a stage has ended: fit, engine, unfit.

        Raises:
            RtlocError: the pixels of a frame have neither form.
            engines.errors.EngineError: the GPU is lost, and the CPU cannot go on.
        """
        for frame in frames:
            check_pixels(frame.pixels)
        return self._locate([frame.pixels for frame in frames], lap)

    def locate_batch(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Find the objects in several pictures; those of one shape are run together.

        Raises:
            RtlocError: a picture is not uint8 [H, W, 3], or has no pixels.
            engines.errors.EngineError: the GPU is lost, and the CPU cannot go on.
        """
        for image in images:
            check_picture(image)
        return self._locate(images)

    def _locate(self, images: Sequence[NDArray[np.uint8]], lap: Lap = no_lap) -> list[Detections]:
        """Find the objects in pictures that are BGR or I420."""
        found: list[Detections] = [Detections.empty()] * len(images)
        alike: dict[tuple[int, int], list[int]] = {}
        for n, image in enumerate(images):
            alike.setdefault(input_wh(*size_wh(image), self.info.input_size), []).append(n)
        for (width, height), chosen in alike.items():
            frames = self._inputs.of_shape((len(chosen), height, width, 3))
            layouts = [letterbox(*size_wh(images[n]), (width, height)) for n in chosen]
            for n, layout, frame in zip(chosen, layouts, frames, strict=True):
                fit(images[n], layout, frame)
            lap("fit")
            raw = self._infer(frames)
            lap("engine")
            for row, (n, layout) in enumerate(zip(chosen, layouts, strict=True)):
                found[n] = self._read(raw, row, layout)
            lap("unfit")
        return found

    def _infer(self, frames: NDArray[np.uint8]) -> RawOutputs:
        """Run the engine; where the GPU is lost, warn and go on with the CPU."""
        engine = self._engine
        try:
            return engine.infer(frames)
        except DeviceLostError as error:
            with self._falling:
                if self._engine is engine:  # and no other thread was faster
                    self._engine, self._lost = open_on_cpu(self._asked, self._load), engine
                    self.info = self._engine.info
                    self.backend, self.backend_reason = self._engine.name, str(error)
                    LOG.warning("%s; going on with %s on the CPU", error, self.backend)
            return self._engine.infer(frames)

    def _read(self, raw: RawOutputs, n: int, layout: Letterbox) -> Detections:
        """Read the n-th picture's detections out of the engine's answer."""
        # best first, so that those above the threshold are the first ones
        count = int((raw.scores[n] >= max(self.threshold, 1e-6)).sum())
        boxes, scores = raw.boxes[n, :count], raw.scores[n, :count].copy()
        class_ids = raw.class_ids[n, :count].copy()
        found = Detections(unfit(boxes, layout), scores, class_ids)
        if self._class_ids is None:
            return found
        return found[np.isin(class_ids, self._class_ids)]

    def device_times_ms(self, frames: Sequence[Frame]) -> dict[str, float]:
        """Locate in frames of one shape, step by step; return how long each step took a GPU.

        Of what it returns, "enqueue" is the time that the host took to ask for it all. A CPU has no
        such steps: nothing is returned.
        """
        engine = self._engine
        if not isinstance(engine, HasDevice):
            return {}
        wh = input_wh(*size_wh(frames[0].pixels), self.info.input_size)
        inputs = self._inputs.of_shape((len(frames), wh[1], wh[0], 3))
        for frame, row in zip(frames, inputs, strict=True):
            fit(frame.pixels, letterbox(*size_wh(frame.pixels), wh), row)
        return engine.device_times_ms(inputs)

    @property
    def engine(self) -> str:
        """What locates now, and in which precision: a lost GPU gives way to the CPU."""
        return f"{self.backend} {self.info.precision}"

    def look_for(self, class_ids: Iterable[int]) -> None:
        """Find only objects of these classes from now on."""
        self._class_ids = np.array(sorted(class_ids), np.int64)

    def looks_for(self, class_id: int) -> bool:
        """Say whether objects of a class are found."""
        return self._class_ids is None or bool((self._class_ids == class_id).any())

    def close(self) -> None:
        """Give back what the engine holds; the localizer is of no use afterwards."""
        self._engine.close()
        if self._lost is not None:  # not before: other threads may have been at it
            self._lost.close()

    def __enter__(self) -> Localizer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def wanted_classes(
    classes: Iterable[str] | None, labels: Sequence[str]
) -> NDArray[np.int64] | None:
    """Return the ids of the wanted labels (letter case does not count), or None for all.

    Raises:
        UsageError: the model does not know one of them.
    """
    if classes is None:
        return None
    by_label = {label.casefold(): n for n, label in enumerate(labels)}
    ids = []
    for name in classes:
        if name.casefold() not in by_label:
            raise UsageError(f"the model knows no class {name!r}; it knows {', '.join(labels)}")
        ids.append(by_label[name.casefold()])
    return np.array(ids, np.int64)
