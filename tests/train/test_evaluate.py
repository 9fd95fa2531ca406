"""Measuring the shipped model as `rtloc eval` does."""

from engines.backends import open_backend
from engines.model_file import read_model_info, shipped_models
from train.data_set import CUTOUTS, PHOTOS, load_data_set
from train.evaluate import evaluate


def test_the_shipped_model_does_well_on_pictures_it_never_saw() -> None:
    info = read_model_info(shipped_models()["pokemon"])
    data = load_data_set(info.stage, CUTOUTS, PHOTOS, info.input_size, seed=0)
    backend, _ = open_backend(info)
    figures = evaluate(backend.infer, data.held_out_samples(96), info.labels)
    assert figures.map50 > 0.8
    assert figures.map50_95 > 0.5
    assert figures.precision > 0.85
