"""The `rtloc` command: one thin click command per module of rtloc.commands."""

import io
import sys
from importlib import import_module

import click

from rtloc import __version__
from rtloc.log import show_log

# name: (module, its one-line help); a command's module is imported only when that command runs,
# so `rtloc --help` needs neither OpenCV nor torch.
COMMANDS = {
    "video": ("rtloc.commands.video", "Find objects in a video file; write it annotated."),
    "webcam": ("rtloc.commands.webcam", "Find objects in a live camera or stream."),
    "cameras": ("rtloc.commands.cameras", "List the cameras and their modes."),
    "serve": ("rtloc.commands.serve", "Find objects in what browsers' cameras see."),
    "image": ("rtloc.commands.image", "Find objects in pictures; write annotated copies."),
    "synth": ("rtloc.commands.synth", "Write generated pictures (needs rtloc[train])."),
    "train": ("rtloc.commands.train", "Train a model on generated pictures (needs rtloc[train])."),
    "stages": ("rtloc.commands.stages", "Train and measure every stage (needs rtloc[train])."),
    "eval": ("rtloc.commands.eval", "Measure a model's mAP (needs rtloc[train])."),
    "verify": (
        "rtloc.commands.verify",
        "Prove that a model answers alike on two backends (needs rtloc[train]).",
    ),
    "bench": ("rtloc.commands.bench", "Measure latency, throughput and load, and compare."),
    "compile": ("rtloc.commands.compile", "Make a TensorRT engine of a model file."),
    "engines": ("rtloc.commands.engines", "List, show and clear compiled engines."),
    "doctor": ("rtloc.commands.doctor", "Say what is here, and what will be used."),
    "export": ("rtloc.commands.export", "Turn a checkpoint into a model (needs rtloc[train])."),
}

OPENCV_NEEDS = ("libGL.so", "libgthread-", "libglib-")  # of a Linux without a desktop


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called (click's own recipe)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names, in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the named command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rtloc")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def group(debug: bool) -> None:
    """Find chosen objects in live video and files; a model of four Pokémon comes with it."""
    show_log()


def main() -> None:
    """Run the command line; turn an error that a user can mend into one line and an exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # in a Windows pipe "≥" would be an error
        sys.stdout.reconfigure(errors="backslashreplace")
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        group.main(arguments, standalone_mode=False, prog_name="rtloc")
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("rtloc: stopped", err=True)
        sys.exit(130)
    except Exception as error:
        told = line_of(error)
        if told is None or (debug and not isinstance(error, click.ClickException)):
            raise
        line, exit_code = told
        click.echo(f"rtloc: error: {line}", err=True)
        sys.exit(exit_code)


def line_of(error: Exception) -> tuple[str, int] | None:
    """Return what a user is told of an error, and the exit code; None: it is a bug."""
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        return f"{error.format_message()}{hint}", error.exit_code
    if isinstance(error, ModuleNotFoundError):
        return what_is_missing(error.name or str(error)), 1
    if isinstance(error, ImportError) and str(error).startswith(OPENCV_NEEDS):
        return f"{error}; OpenCV needs it: apt-get install libgl1 libglib2.0-0", 1
    if isinstance(error, OSError) and error.strerror is not None:
        # what the system refuses is no bug
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}", 1
    # the three packages' own errors say how the user mends them; all others are bugs
    exit_code = getattr(error, "exit_code", None)
    return None if exit_code is None else (str(error), exit_code)


def what_is_missing(module: str) -> str:
    """Say why a module is not found, and how to mend it."""
    package, _, inner = module.partition(".")
    if package in {"engines", "train"} and inner:  # these come with rtloc, so this is another one
        path = getattr(sys.modules.get(package), "__file__", None) or package
        return f"{path} hides the package {package} of rtloc; rename it"
    return f'this needs the module {module}, which is not installed; pip install "rtloc[train]"'
