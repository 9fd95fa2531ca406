"""The command line as a whole."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from rtloc import __version__
from rtloc.cli import COMMANDS


def test_the_version(rtloc) -> None:
    done = rtloc("--version")
    assert done.returncode == 0
    assert done.stdout.strip() == f"rtloc, version {__version__}"


def test_help_lists_every_command(rtloc) -> None:
    done = rtloc("--help")
    assert done.returncode == 0
    for name, (_, text) in COMMANDS.items():
        assert name in done.stdout
        assert text.split(";")[0][:30] in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(rtloc, name: str) -> None:
    done = rtloc(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: rtloc " + name in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    command = import_module(COMMANDS[name][0]).command
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert not [one.opts for one in options if not one.help]


@pytest.mark.parametrize("option", ["--records", "--track"])
def test_an_option_of_several_commands_has_one_text(option: str) -> None:
    commands = (import_module(module).command for module, _ in COMMANDS.values())
    options = [one for command in commands for one in command.params if option in one.opts]
    assert len(options) > 2
    assert len({one.help for one in options}) == 1


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_what_is_no_number_is_refused(name: str, value: str) -> None:
    command = import_module(COMMANDS[name][0]).command
    for option in command.params:
        if isinstance(option.type, click.types.FloatParamType):
            with pytest.raises(click.BadParameter, match=f"{value} is (no finite|not in)"):
                option.type.convert(value, option, None)


def test_no_command_shows_the_help(rtloc) -> None:
    done = rtloc()
    assert done.returncode == 2
    assert "Commands:" in done.stderr


def test_an_unknown_command_or_option_is_one_line(fails) -> None:
    assert "No such command 'vidio'" in fails(2, "vidio")
    assert "No such option '--frames'" in fails(2, "video", "--frames", "in.mp4")
    assert "see rtloc video --help" in fails(2, "video")


def test_what_the_system_refuses_is_one_line(fails, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    assert "file: File exists" in fails(1, "stages", "--only", "white-box", "-o", "file")


def test_a_library_that_opencv_misses_is_one_line(fails, rtloc, tmp_path: Path) -> None:
    missing = "libGL.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "cv2.py").write_text(f"raise ImportError({missing!r})\n", "utf-8")
    line = fails(1, "image", "a.png")
    assert missing in line
    assert "apt-get install libgl1 libglib2.0-0" in line
    assert "Traceback" in rtloc("--debug", "image", "a.png").stderr


def test_the_threshold_is_halved_only_where_objects_are_followed(rtloc) -> None:
    said = {name: " ".join(rtloc(name, "--help").stdout.split()) for name in ("image", "video")}
    assert "The lowest score that counts. [default: the model's own]" in said["image"]
    assert "The lowest score that counts; of what is followed, half of it. [" in said["video"]


@pytest.mark.parametrize(("name", "command"), [("train", "train"), ("engines", "doctor")])
def test_a_file_that_hides_a_package_is_named(
    fails, tmp_path: Path, name: str, command: str
) -> None:
    hiding = tmp_path / f"{name}.py"
    hiding.write_text("", "utf-8")
    assert f"{hiding} hides the package {name} of rtloc; rename it" in fails(1, command)


def test_what_a_pipe_cannot_say_is_no_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rtloc", "--help"],
        env={**os.environ, "PYTHONIOENCODING": "cp1251", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"four Pok\\xe9mon" in done.stdout


def test_a_missing_training_module_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; sys.argv = ['rtloc', 'export', 'x.pt']; "
        "from rtloc.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "rtloc[train]" in done.stderr
    assert "torch" in done.stderr
