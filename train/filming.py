"""Do to a whole picture what light, lens, sensor and compression do."""

from numpy.random import Generator as Random

from train import camera, light
from train.light import Cast, Image
from train.stages import Stage


def lit(rng: Random, canvas: Image, stage: Stage) -> tuple[Image, Cast | None]:
    """Set the light; return the picture and the cast, None where the stage has none."""
    if not stage.light:
        return canvas, None
    cast = light.colour_cast(rng, stage.light)
    return light.apply_cast(canvas, cast), cast


def filmed(rng: Random, canvas: Image, stage: Stage, bank: Image) -> Image:
    """Do to the whole picture what lens, sensor and compression do."""
    if rng.random() < stage.p_blur:
        canvas = camera.blur(canvas, rng, reach_px=2.5, p_motion=stage.p_motion)
    if rng.random() < stage.p_low_resolution:
        canvas = camera.low_resolution(canvas, rng)
    if stage.noise and rng.random() < stage.p_noise:
        canvas = camera.add_noise(canvas, rng, bank, float(rng.uniform(0, stage.noise)))
    if rng.random() < stage.p_jpeg:
        canvas = camera.jpeg(canvas, rng)
    if rng.random() < stage.p_video:
        canvas = camera.film_frame(canvas, rng)
    return canvas
