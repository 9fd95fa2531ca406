"""Events on a real MQTT broker."""

from __future__ import annotations

import json
import queue
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from rtloc.errors import UsageError
from rtloc.mqtt import Broker, broker_of, mqtt_teller

EVENT = {"label": "Nidoran♀", "score": 0.9}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    mosquitto = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if mosquitto is None:
        pytest.skip("mosquitto is not installed (Debian: apt-get install mosquitto)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([mosquitto, "-c", str(settings)], stderr=subprocess.DEVNULL)
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield Broker("127.0.0.1", port, "home/pokemon")
    process.kill()
    process.wait()


def test_an_event_is_published(broker: Broker) -> None:
    came: queue.Queue[tuple[str, bytes]] = queue.Queue()
    listener = Client(CallbackAPIVersion.VERSION2)
    listener.on_message = lambda client, data, message: came.put((message.topic, message.payload))
    ready = queue.Queue[bool]()
    listener.on_subscribe = lambda *arguments: ready.put(True)
    listener.connect(broker.host, broker.port)
    listener.loop_start()
    listener.subscribe("home/#")
    assert ready.get(timeout=10)
    mqtt_teller(broker)(EVENT)
    topic, body = came.get(timeout=10)
    listener.loop_stop()
    assert topic == "home/pokemon"
    assert json.loads(body) == EVENT


def test_no_broker_is_said_and_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mqtt_teller(Broker("127.0.0.1", port, "topic"))(EVENT)
    assert f"cannot publish to 127.0.0.1:{port}" in caplog.text


def test_a_silent_broker_has_five_seconds(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        mqtt_teller(Broker("127.0.0.1", silent.getsockname()[1], "topic"))(EVENT)
    assert time.monotonic() - started < 20
    assert "the broker 127.0.0.1 did not take an event" in caplog.text


def test_addresses() -> None:
    assert broker_of("mqtt://host/a/b") == Broker("host", 1883, "a/b")
    assert broker_of("mqtts://me:p%40ss@host:99/t") == Broker("host", 99, "t", True, "me", "p@ss")


NO_BROKERS = ["host/topic", "mqtt://host", "mqtt://host/", "mqtt:///t", "http://h/t"]
WILD = ["mqtt://host:port/t", "mqtt://host/all/#", "mqtt://host/+/t", "mqtt://host/a%23b"]


@pytest.mark.parametrize("address", [*NO_BROKERS, *WILD])
def test_what_is_no_broker_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="names no broker and topic"):
        broker_of(address)


@pytest.mark.parametrize(
    "address",
    [
        "mqtt://me:secret@host/",
        "mqtt://me:sec/secret@host/t",
        "me:secret@host/t",
        "mqtt://h?pw=secret",
    ],
)
def test_a_password_is_not_shown(address: str) -> None:
    with pytest.raises(UsageError) as error:
        broker_of(address)
    assert "secret" not in str(error.value)
