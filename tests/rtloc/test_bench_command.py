"""`rtloc bench` as a user calls it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import make_clip
from mjpeg_server import mjpeg_server

QUICK = ("--frames", 45, "--size", "320x180")


def test_it_prints_the_stages_and_writes_every_sample(rtloc, tmp_path: Path) -> None:
    done = rtloc("bench", *QUICK, "--json", "new.json", "--plot", "new.png")
    assert done.returncode == 0, done.stderr
    for word in ("capture", "fit", "engine", "unfit", "track", "draw", "locate", "end to end"):
        assert f" {word} " in done.stdout
    assert (
        "pokemon (int8) on synthetic, frames of 320×180 scaled to 512 pixels, 1 at" in done.stdout
    )
    assert "45 samples, each of a frame, none left out; warm-up" in done.stdout
    assert cv2.imread(str(tmp_path / "new.png")).shape[0] > 300
    report = json.loads((tmp_path / "new.json").read_text("utf-8"))
    (backend,) = report["backends"]
    assert backend["frames"] == 45
    assert all(len(values) == 45 for values in backend["samples_ms"].values())
    stages = backend["stages"]
    assert stages["locate"]["p50_ms"] <= stages["end to end"]["p50_ms"]
    assert stages["engine"]["min_ms"] == pytest.approx(min(backend["samples_ms"]["engine"]), 1e-3)
    assert report["machine"]["cores"] >= 1
    assert report["peak_memory_mib"] > 10
    assert report["settings"]["frame_wh"] == [320, 180]


def test_a_font_that_matplotlib_misses_is_no_word_of_ours(rtloc, tmp_path: Path) -> None:
    from matplotlib import font_manager

    listed = tmp_path / f"fontlist-v{font_manager.FontManager.__version__}.json"
    font_manager.json_dump(font_manager.FontManager(), listed)
    fonts = json.loads(listed.read_text("utf-8"))
    fonts["ttflist"] = [font for font in fonts["ttflist"] if font["name"] != "STIXGeneral"]
    listed.write_text(json.dumps(fonts), "utf-8")
    done = rtloc("bench", *QUICK, "--plot", "new.png", MPLCONFIGDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "font" not in done.stderr


def test_backends_are_compared_in_turn(rtloc) -> None:
    done = rtloc("bench", *QUICK, "--backend", "all", "--markdown", "--no-track")
    assert done.returncode == 0, done.stderr
    assert "### Against openvino int8" in done.stdout
    assert "| onnxruntime int8 | locate |" in done.stdout
    assert "without tensorrt: " in done.stderr
    assert "track" not in done.stdout


def test_a_run_is_compared_with_an_older_one(rtloc, fails, tmp_path: Path) -> None:
    old, fast = tmp_path / "old.json", tmp_path / "fast.json"
    assert rtloc("bench", *QUICK, "--json", old).returncode == 0
    report = json.loads(old.read_text("utf-8"))
    for rounds in (report["backends"][0]["rounds_ms"], report["backends"][0]):
        for name in set(rounds) & {"locate", "end to end", "calibration_ms"}:
            rounds[name] = [value / 50 for value in rounds[name]]
    report["settings"]["frame_wh"] = [640, 360]
    fast.write_text(json.dumps(report), "utf-8")
    done = rtloc("bench", *QUICK, "--compare", fast)
    assert done.returncode == 0, done.stderr
    assert "slower" in done.stdout
    assert "input_size" not in done.stdout
    assert "frame_wh is [320, 180], and was [640, 360]" in done.stdout
    assert "the machine itself was slower" in done.stdout
    done = rtloc("bench", *QUICK, "--compare", fast, "--fail-above", 1.1)
    assert done.returncode == 1
    assert "slower than --fail-above 1.1: openvino takes" in done.stderr


def test_what_is_measured_is_kept_where_the_older_run_had_other_backends(
    rtloc, tmp_path: Path
) -> None:
    assert rtloc("bench", *QUICK, "--json", "old.json").returncode == 0
    report = json.loads((tmp_path / "old.json").read_text("utf-8"))
    report["backends"][0]["name"] = "another"
    (tmp_path / "old.json").write_text(json.dumps(report), "utf-8")
    wanted = ("--json", "new.json", "--plot", "new.png", "--compare", "old.json")
    done = rtloc("bench", *QUICK, *wanted)
    assert done.returncode == 1
    assert "the old report has another only" in done.stderr
    assert " end to end " in done.stdout
    assert json.loads((tmp_path / "new.json").read_text("utf-8"))["backends"]
    assert (tmp_path / "new.png").exists()


def test_another_input_size_is_measured_and_told(rtloc, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert rtloc("bench", *QUICK, "--json", old).returncode == 0
    done = rtloc("bench", *QUICK, "--input-size", 128, "--json", new, "--compare", old)
    assert done.returncode == 0, done.stderr
    assert json.loads(new.read_text("utf-8"))["settings"]["input_size"] == 128
    assert "frames of 320×180 scaled to 128 pixels" in done.stdout
    assert "input_size is 128, and was 512" in done.stdout


def test_frames_that_arrive_and_cameras(rtloc, tmp_path: Path) -> None:
    load = ("--rate", 20, "--sweep", "--streams", "--duration", 0.3, "--stream-fps", 20)
    done = rtloc("bench", "--size", "320x180", *load, "--json", "r.json", "--plot", "r.png")
    assert done.returncode == 0, done.stderr
    assert "Frames that arrive" in done.stdout
    assert "Cameras at a time" in done.stdout
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert len(report["open_loop"]) >= 2
    assert report["streams"][0]["streams"] == 1
    assert cv2.imread(str(tmp_path / "r.png")).shape[1] > 1000


def test_a_file_is_measured_with_its_encoding(rtloc, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "nine.mp4", frames=9)
    load = ("--encode", "--rate", 30, "--duration", 0.3)
    done = rtloc("bench", "--source", clip, "--frames", 30, *load)
    assert done.returncode == 0, done.stderr
    assert " encode " in done.stdout


def test_a_password_is_shown_nowhere(rtloc, tmp_path: Path) -> None:
    picture = np.zeros((180, 320, 3), np.uint8)
    with mjpeg_server(picture, rate=1000, frames=100_000) as stream:
        url = stream.url.replace("://", "://me:secret@")
        done = rtloc("bench", "--source", url, "--frames", 15, "--json", "new.json")
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "new.json").read_text("utf-8")
    assert stream.url in done.stdout
    assert stream.url in report
    assert "secret" not in done.stdout + done.stderr + report


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fail-above", 1.1), "--fail-above needs --compare"),
        (("--compare", "none.json"), "no such file: none.json"),
        (("--backend", "all", "--sweep"), "take one backend"),
        (("--json", "none/new.json"), "no folder none"),
        (("--plot", "p.txt"), "cannot draw p.txt; end its name in .png or .svg"),
        (("--plot", "p"), "cannot draw p; end"),
        (("--size", "big"), "'big' is no size"),
        (("none.onnx",), "none.onnx"),
    ],
)
def test_bad_usage_is_one_line(fails, arguments: tuple[object, ...], said: str) -> None:
    assert said in fails(2, "bench", *arguments)


def test_a_file_that_is_no_report_is_refused(fails, tmp_path: Path) -> None:
    for text in ("{}", "[]", "nonsense", '{"backends": [{}]}'):
        (tmp_path / "odd.json").write_text(text, "utf-8")
        assert "no report of rtloc bench" in fails(1, "bench", "--compare", "odd.json")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    command = ["bench", *QUICK, "--streams", "--duration", "9", "--stream-fps", 1]
    command += ["--json", "new.json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "rtloc", *map(str, command)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    said = iter(process.stderr.readline, "")
    assert any(line.startswith("rtloc: 1 streams: ") for line in said)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Cameras at a time" in out
    report = json.loads((tmp_path / "new.json").read_text("utf-8"))
    assert [run["streams"] for run in report["streams"]] == [1]
    assert report["backends"][0]["frames"] == 45
