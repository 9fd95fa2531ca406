"""Write generated pictures as a data set that other trainers read, in COCO or YOLO form.

COCO: `annotations.json` (https://cocodataset.org/#format-data) and the folder `images`, which the
file names begin with. YOLO: `data.yaml` (https://docs.ultralytics.com/datasets/detect) and the
folders `images` and `labels`, each with `train` and `val`.
"""

import json
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from train import shared
from train.coco import coco_set
from train.errors import TrainError
from train.matching import Truth, truth_of
from train.samples import Maker

AT_A_TIME = 8  # pictures that a process is asked for
DECIMALS = 6  # of a YOLO box: a thousandth of a pixel in the largest picture
Stopped = Callable[[], bool]  # whether to end early, with a whole set of what there is by then


def never() -> bool:
    """Go on to the end."""
    return False


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures to write: `count` of a maker's, from number `first` on.

    jpeg_quality: 1..100, or None for PNG.

    A picture depends on nothing but its maker and its index, so the files are the same for any
    number of processes.
    """

    maker: Maker
    count: int
    jpeg_quality: int | None = 95
    first: int = 0

    def name(self, index: int) -> str:
        """Return the name of a picture's file."""
        return f"{index:06d}{'.png' if self.jpeg_quality is None else '.jpg'}"

    def write(self, index: int, folder: Path) -> Truth:
        """Make and write a picture; return what is in it.

        Raises:
            OSError: it cannot be written there.
        """
        sample = self.maker.make(self.first + index)
        path = folder / self.name(index)
        options = [] if self.jpeg_quality is None else [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality]
        _, data = cv2.imencode(path.suffix, sample.image, options)
        path.write_bytes(data.tobytes())
        return truth_of(sample)


def write_coco(
    folder: Path,
    labels: Sequence[str],
    pictures: Pictures,
    workers: int = 1,
    stopped: Stopped = never,
) -> Iterator[int]:
    """Write a COCO set into an empty folder; yield how many pictures are done.

    The category ids begin with 1, in the order of the labels.
    """
    images = folder / "images"
    images.mkdir()
    truths: list[Truth] = []
    for truth in written(pictures, images, workers, stopped):
        truths.append(truth)
        yield len(truths)
    names = [f"images/{pictures.name(n)}" for n in range(len(truths))]
    data = coco_set(truths, labels, names, lambda box, truth: xywh(box))
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    (folder / "annotations.json").write_text(text, encoding="utf-8")


def write_yolo(
    folder: Path,
    labels: Sequence[str],
    parts: Mapping[str, Pictures],
    workers: int = 1,
    stopped: Stopped = never,
) -> Iterator[int]:
    """Write a YOLO set into an empty folder; yield how many pictures are done.

    parts: the pictures of "train" and of "val"; without pictures of "val", those of "train" are
    named for both.
    """
    made = dict.fromkeys(parts, 0)
    for name, pictures in parts.items():
        images, texts = folder / "images" / name, folder / "labels" / name
        images.mkdir(parents=True)
        texts.mkdir(parents=True)
        for n, truth in enumerate(written(pictures, images, workers, stopped)):
            rows = "".join(f"{row}\n" for row in yolo_rows(truth))
            (texts / pictures.name(n)).with_suffix(".txt").write_text(rows, encoding="utf-8")
            made[name] += 1
            yield sum(made.values())
    has_val = made["val"] > 0
    (folder / "data.yaml").write_text(data_yaml(labels, has_val=has_val), encoding="utf-8")


def xywh(box: Sequence[float]) -> list[float]:
    """Return x y width height of a box x1 y1 x2 y2, to a thousandth of a pixel."""
    x1, y1, x2, y2 = box
    return [round(x1, 3), round(y1, 3), round(x2 - x1, 3), round(y2 - y1, 3)]


def yolo_rows(truth: Truth) -> list[str]:
    """Return a row per box: class, centre x, centre y, width, height as parts of the picture."""
    width, height = truth.picture_wh
    rows = []
    for box, class_id in zip(truth.boxes.tolist(), truth.class_ids.tolist(), strict=True):
        x1, y1, x2, y2 = box
        centre = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height
        numbers = (*centre, (x2 - x1) / width, (y2 - y1) / height)
        rows.append(" ".join([str(class_id), *(f"{number:.{DECIMALS}f}" for number in numbers)]))
    return rows


def data_yaml(labels: Sequence[str], *, has_val: bool) -> str:
    """Return the text of a data.yaml.

    It has no `path`: then the folders are those beside it, wherever the set is moved.
    """
    import yaml

    data = {
        "train": "images/train",
        "val": f"images/{'val' if has_val else 'train'}",
        "nc": len(labels),
        "names": dict(enumerate(labels)),
    }
    text: str = yaml.safe_dump(data, sort_keys=False)
    return (
        "# The folders are beside this file. A trainer that looks for them elsewhere needs a line\n"
        f"# `path:` with the whole path of the folder that this file is in.\n{text}"
    )


def written(
    pictures: Pictures, folder: Path, workers: int, stopped: Stopped = never
) -> Iterator[Truth]:
    """Make and write pictures, with several processes if asked; yield what is in each.

    Stopped, it leaves those of which it has told.
    """
    done = 0
    if stopped():
        return
    with closing(in_order(pictures, folder, workers)) as truths:
        for truth in truths:
            yield truth
            done += 1
            if stopped():
                break
    if done < pictures.count:
        # a picture that a process was ahead with would be taken for one without objects
        for path in folder.iterdir():
            if int(path.stem) >= done:
                path.unlink()


def in_order(pictures: Pictures, folder: Path, workers: int) -> Generator[Truth, None, None]:
    """Make and write pictures; yield what is in each, from the first to the last.

    Raises:
        TrainError: a process was ended from outside.
    """
    if workers <= 1:
        yield from (pictures.write(index, folder) for index in range(pictures.count))
        return
    # not by fork: this process may have threads, one of them drawing the progress
    context = multiprocessing.get_context("spawn")
    most = 61 if sys.platform == "win32" else workers  # it can wait for no more
    # no more is asked for than a little ahead, so that the processes can be stopped soon
    waiting: deque[Future[list[Truth]]] = deque()
    with shared.in_a_file((pictures, folder)) as path:
        pool = ProcessPoolExecutor(min(workers, most), context, _start, (path,))
        try:
            for first in range(0, pictures.count, AT_A_TIME):
                if len(waiting) == 4 * workers:
                    yield from waiting.popleft().result()
                with deaf_children():
                    end = min(pictures.count, first + AT_A_TIME)
                    waiting.append(pool.submit(_write, first, end))
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise TrainError(
                "a process that wrote pictures was ended; try fewer --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Let processes that begin in the block never hear Ctrl-C; they end when this one does.

    Else one that has not come to `_start` yet would end with a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_given: Any = None  # to a process of the pool


def _start(path: Path) -> None:
    global _given  # noqa: PLW0603 (the one place where a process of a pool can keep it)
    _given = shared.read(path)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when the first process does
    cv2.setNumThreads(0)


def _write(first: int, end: int) -> list[Truth]:
    pictures, folder = _given
    return [pictures.write(index, folder) for index in range(first, end)]
