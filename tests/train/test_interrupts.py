"""Ctrl-C waits for the step that runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from train.interrupts import KINDS, delayed_interrupt, unbroken


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    usual = dict.fromkeys(KINDS, signal.SIG_DFL) | {signal.SIGINT: signal.default_int_handler}
    before = {kind: signal.signal(kind, handler) for kind, handler in usual.items()}
    yield
    assert all(signal.getsignal(kind) == signal.SIG_DFL for kind in KINDS[1:])
    for kind, handler in before.items():
        signal.signal(kind, handler)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_ctrl_c_waits_until_it_is_asked_for(kind: signal.Signals) -> None:
    done = []
    with delayed_interrupt() as interrupt_if_asked:
        interrupt_if_asked()  # nothing has come
        signal.raise_signal(kind)
        done.append("step")
        with pytest.raises(KeyboardInterrupt):
            interrupt_if_asked()
    assert done == ["step"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait() -> None:
    with delayed_interrupt():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_must_not_break_holds_back_every_ctrl_c() -> None:
    done = []
    with delayed_interrupt():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), unbroken():
            for part in ("Muon", "AdamW", "average"):
                signal.raise_signal(signal.SIGINT)
                done.append(part)
    assert done == ["Muon", "AdamW", "average"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_came_in_a_whole_part_waits_on(kind: signal.Signals) -> None:
    with delayed_interrupt() as interrupt_if_asked:
        with unbroken():
            signal.raise_signal(kind)
            interrupt_if_asked()
        with pytest.raises(KeyboardInterrupt):
            interrupt_if_asked()


def test_the_handler_comes_back_after_an_error_too() -> None:
    with pytest.raises(ValueError, match="broken"), delayed_interrupt():
        raise ValueError("broken")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with delayed_interrupt() as interrupt_if_asked:
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.raise_signal(signal.SIGINT)
        interrupt_if_asked()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_background_jobs_ctrl_c_stays_ignored() -> None:
    # a shell starts `command &` and `nohup command &` of a script with Ctrl-C ignored
    code = """
import signal
from train.interrupts import delayed_interrupt
with delayed_interrupt() as interrupt_if_asked:
    signal.raise_signal(signal.SIGINT)
    interrupt_if_asked()
print("went on")
"""
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" & wait $!', sys.executable, code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "went on\n", done.stderr


def test_outside_the_main_thread_nothing_is_changed() -> None:
    handlers = []

    def run() -> None:
        with delayed_interrupt() as interrupt_if_asked:
            handlers.append(signal.getsignal(signal.SIGINT))
            interrupt_if_asked()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
