"""Fail where locating has become slower, by its ratio to a fixed network in the same run.

    python benchmarks/gate.py

Both run in float32 with OpenVINO, in turn, so that what slows the machine slows both; the ratio
differs little from one x86 machine to another. The limit is loose, since one run in three takes a
third longer on a machine that others share: it is there to catch a network, a letterbox or a
decoding of answers that costs twice as much, not a few per cent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import click
import numpy as np
import onnx
import report
from locate_latency import SAMPLE, interleave, sample_frames
from numpy.typing import NDArray
from onnx import TensorProto, helper

from engines.backends import LOWEST_LATENCY
from engines.openvino_backend import config, core
from rtloc.localizer import Localizer

MODEL = "pokemon-fp32"
WIDTH, HEIGHT, CHANNELS, CONVOLUTIONS = 96, 56, 64, 6
USUAL = 0.48  # the ratio when the limit was set
LIMIT = 2 * USUAL


@click.command()
@click.option("--limit", default=LIMIT, show_default=True, help="For the ratio.")
@click.option("--rounds", default=15, show_default=True)
@click.option("--calls", default=60, show_default=True, help="Of each side, in a round.")
def main(limit: float, rounds: int, calls: int) -> None:
    """Compare the time of locating with that of the fixed network; exit code 1 above the limit."""
    with Localizer(MODEL, backend="openvino-f32") as localizer:
        sides = (localizer.locate, fixed_network())
        ours, theirs = interleave(sides, sample_frames(SAMPLE), rounds, calls)
    ratios = report.ratios(ours, theirs)
    click.echo(
        f"locating takes {report.spread(ratios)} of the fixed network's time "
        f"({median(ours):.2f} and {median(theirs):.2f} ms); limit {limit:g}"
    )
    sys.exit(median(ratios) > limit)


def fixed_network() -> Callable[[NDArray[np.uint8]], Any]:
    """Return what runs some convolutions of a fixed size, whatever picture it is given.

    All weights are the same small number: that costs a network as much time as any others.
    """
    nodes, last = [], "frames"
    for n in range(CONVOLUTIONS):
        wide = 3 if n == 0 else CHANNELS
        weights = helper.make_tensor("", TensorProto.FLOAT, [1], [1 / (9 * wide)])
        sides = helper.make_tensor("", TensorProto.INT64, [4], [CHANNELS, wide, 3, 3])
        nodes += [
            helper.make_node("Constant", [], [f"sides{n}"], value=sides),
            helper.make_node("ConstantOfShape", [f"sides{n}"], [f"weights{n}"], value=weights),
            helper.make_node("Conv", [last, f"weights{n}"], [f"sum{n}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"sum{n}"], [f"layer{n}"]),
        ]
        last = f"layer{n}"
    shape = [1, 3, HEIGHT, WIDTH]
    given = helper.make_tensor_value_info("frames", TensorProto.FLOAT, shape)
    answer = helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, CHANNELS, HEIGHT, WIDTH])
    graph = helper.make_graph(nodes, "fixed", [given], [answer])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    read = core().read_model(model.SerializeToString())
    compiled = core().compile_model(read, "CPU", config(LOWEST_LATENCY, "f32"))
    request = compiled.create_infer_request()
    picture = np.full(shape, 0.5, np.float32)
    return lambda frame: request.infer([picture], share_inputs=True)


if __name__ == "__main__":
    main()
