"""Publish events to an MQTT broker, for home automations."""

from __future__ import annotations

import json
import logging
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from rtloc.addresses import without_password
from rtloc.errors import RtlocError, UsageError

if TYPE_CHECKING:
    from rtloc.event_sink import Event, Tell

TIMEOUT_S = 5.0
PORTS = {"mqtt": 1883, "mqtts": 8883}
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Broker:
    """Where to publish, and as whom."""

    host: str
    port: int
    topic: str
    tls: bool = False
    user: str | None = None
    password: str | None = None


def broker_of(address: str) -> Broker:
    """Read mqtt://[USER:PASSWORD@]HOST[:PORT]/TOPIC, or mqtts:// for TLS.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    topic = unquote(parts.path.lstrip("/"))
    wild = "+" in topic or "#" in topic or "#" in address
    if parts.scheme not in PORTS or not parts.hostname or not topic or wild:
        raise UsageError(
            f"--mqtt {without_password(address)} names no broker and topic; give mqtt://host/topic"
        )
    user, password = (None if s is None else unquote(s) for s in (parts.username, parts.password))
    tls = parts.scheme == "mqtts"
    return Broker(parts.hostname, port or PORTS[parts.scheme], topic, tls, user, password)


def mqtt_teller(broker: Broker) -> Tell:
    """Publish each event as JSON, at least once; the broker has 5 s to take it.

    Raises:
        RtlocError: paho-mqtt is not installed.
    """
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ModuleNotFoundError as error:
        raise RtlocError(
            f'--mqtt needs the module {error.name}; pip install "rtloc[mqtt]"'
        ) from error

    def tell(event: Event) -> None:
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect_timeout = TIMEOUT_S
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            client.tls_set_context(ssl.create_default_context())
        try:
            client.connect(broker.host, broker.port)
            client.loop_start()
            body = json.dumps(event, ensure_ascii=False)
            sent = client.publish(broker.topic, body, qos=1)
            sent.wait_for_publish(TIMEOUT_S)
            if not sent.is_published():
                LOG.warning("the broker %s did not take an event", broker.host)
        except (OSError, RuntimeError, ValueError) as error:
            LOG.warning("cannot publish to %s:%d: %s", broker.host, broker.port, error)
        finally:
            client.disconnect()
            client.loop_stop()

    return tell
