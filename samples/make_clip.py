"""Make the sample clip: Pokémon drawn on moving footage, and their true boxes.

python samples/make_clip.py --footage vtest.avi -o samples/pokemon.mp4
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import actors
import click
import clip_file
import cv2
import footage
import numpy as np
import shadows
from actors import Actor, Drawn, Pose
from footage import FRAME_WH, Background
from numpy.typing import NDArray
from story import FILM_START_S, SCENES, Scene

from train.cutouts import SEEN_ALPHA, Cutout, load_cutouts, load_picture
from train.data_set import CUTOUTS, HELD_OUT_PHOTOS
from train.paste import blend

FRAME_COUNT = 300
NOISE_SEED = 20
NOISE_SIGMA = 2.2  # grey levels

Cast = dict[tuple[str, str], Cutout]


@dataclass(frozen=True, eq=False)
class OnStage:
    """An actor drawn for one frame."""

    actor: Actor
    pose: Pose
    drawn: Drawn


def load_cast() -> Cast:
    """Load each class's finest drawing and its front sprite."""
    labels, cutouts = load_cutouts(CUTOUTS)
    cast: Cast = {}
    for class_id, label in enumerate(labels):
        of_class = [c for c in cutouts if c.class_id == class_id]
        cast[label, "drawing"] = max(of_class, key=lambda c: c.levels[0].shape[0])
        in_its_pixels, _ = load_picture(CUTOUTS / label / "sprite_front.png", class_id)
        cast[label, "sprite"] = in_its_pixels
    return cast


def load_background(scene: Scene, film: Path, length_s: float) -> Background:
    """Load what is behind a scene's actors."""
    if scene.background == "film":
        return footage.read_film(film, FILM_START_S, length_s)
    return footage.read_photo(HELD_OUT_PHOTOS / scene.background)


def put_on_stage(
    scene: Scene, cast: Cast, time_s: float, camera: NDArray[np.float64]
) -> list[OnStage]:
    """Draw the scene's actors, the farthest first: who is nearer stands lower."""
    present = []
    for actor in scene.actors:
        if not actor.plays(time_s):
            continue
        drawn = actors.draw(actor, cast[actor.label, actor.drawing], time_s, camera)
        if drawn is not None:
            present.append(OnStage(actor, actors.pose_at(actor, time_s, camera), drawn))
    return sorted(present, key=lambda one: float(one.pose.feet_xy_px[1]))


def seen_box(alpha: NDArray[np.float32]) -> tuple[float, float, float, float] | None:
    """Return x1 y1 x2 y2 (x2, y2 exclusive) round the pixels that can be seen, or None."""
    seen = alpha >= SEEN_ALPHA
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def true_objects(present: list[OnStage]) -> list[dict[str, Any]]:
    """Return label, box and visible part of each object in the frame, the farthest first.

    The box holds all of the object that is inside the frame, covered or not.
    """
    width, height = FRAME_WH
    covered = np.zeros((height, width), bool)
    objects = []
    for one in reversed(present):
        in_frame = np.zeros((height, width), np.float32)
        alpha = one.drawn.pixels[..., 3]
        x1, y1 = max(0, one.drawn.x), max(0, one.drawn.y)
        part = alpha[y1 - one.drawn.y :, x1 - one.drawn.x :][: height - y1, : width - x1]
        in_frame[y1 : y1 + part.shape[0], x1 : x1 + part.shape[1]] = part
        box = seen_box(in_frame)
        seen = in_frame >= SEEN_ALPHA
        if box is not None:
            visible = np.count_nonzero(seen & ~covered) / np.count_nonzero(alpha >= SEEN_ALPHA)
            objects.append(
                {"label": one.actor.label, "box": list(box), "visible": round(visible, 4)}
            )
        covered |= seen
    return objects[::-1]


def add_noise(frame: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
    """Add a sensor's noise, a little coarser than a pixel as enlarged footage has it."""
    rng = np.random.default_rng([NOISE_SEED, index])
    fine = rng.standard_normal((*frame.shape[:2], 1), np.float32)
    coarse = cv2.GaussianBlur(fine, (0, 0), 0.7)
    noise = coarse * np.float32(NOISE_SIGMA / coarse.std())
    return (frame + noise[..., None] + 0.5).clip(0, 255).astype(np.uint8)


def frames_and_truth(film: Path) -> Iterator[tuple[NDArray[np.uint8], dict[str, Any]]]:
    """Make the clip's frames, uint8 [720, 1280, 3] BGR, each with its line of truth."""
    cast = load_cast()
    ends = [scene.first_frame for scene in SCENES[1:]] + [FRAME_COUNT]
    for scene, end in zip(SCENES, ends, strict=True):
        start_s = float(scene.first_frame / clip_file.FRAMES_PER_S)
        length_s = float(end / clip_file.FRAMES_PER_S) - start_s
        background = load_background(scene, film, length_s)
        for index in range(scene.first_frame, end):
            time_s = float(index / clip_file.FRAMES_PER_S)
            camera = footage.camera_at(scene.camera, time_s)
            frame = footage.through_camera(background.at(time_s - start_s), camera)
            present = put_on_stage(scene, cast, time_s, camera)
            lit = [actors.lit(one.drawn, frame) for one in present]
            for one in present:
                shadows.cast(frame, scene.shadow, one.drawn, one.pose)
            for drawn in lit:
                blend(frame, np.round(drawn.pixels).astype(np.uint8), drawn.x, drawn.y)
            objects = true_objects(present)
            truth = {"index": index, "time_s": round(time_s, 6), "objects": objects}
            yield add_noise(frame, index), truth


@click.command()
@click.option(
    "--footage",
    "film",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="vtest.avi of OpenCV's sample data.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The clip; its truth goes beside it, ending in .jsonl.",
)
def main(film: Path, output: Path) -> None:
    """Make the sample clip and its true boxes."""
    cv2.setNumThreads(1)  # the optical flow depends on how its work is split
    lines: list[str] = []

    def frames() -> Iterator[NDArray[np.uint8]]:
        for frame, truth in frames_and_truth(film):
            lines.append(json.dumps(truth))
            yield frame

    try:
        clip_file.write(output, frames(), FRAME_COUNT)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    output.with_suffix(".jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo(f"{output}: {len(lines)} frames, {output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
