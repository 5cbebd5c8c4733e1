"""Knocking at a broker: is it there, does it let us in, and does it deliver?"""

import secrets
import ssl
import threading
from collections.abc import Sequence

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.address import Address
from gateway.errors import AddressError
from gateway.tls import context, unreached

_PATIENCE_S = 5.0
_VERSION = "$SYS/broker/version"  # mosquitto says there what it is
_VERSION_S = 0.5
_QUEUE = (
    "it keeps 1,000 messages for us while we are away, unless its max_queued_messages is raised"
    " (0: no limit), and forgets them with a restart, unless persistence is true"
)


def knocked(address: Address, topics: Sequence[str]) -> tuple[bool, str]:
    """Log in and subscribe as the gateway would, with a session that leaves no trace.

    Returns whether all is well, and a sentence that says what was found.
    """
    shown = address.shown
    try:
        client = _client(address)
    except AddressError as fault:
        return False, str(fault)
    entered, granted, told = threading.Event(), threading.Event(), threading.Event()
    answers: dict[str, list[ReasonCode]] = {}
    version: list[str] = []

    def connected(
        client: paho.Client,
        userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        answers["connect"] = [reason]
        entered.set()

    def subscribed(
        client: paho.Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        answers["subscribe"] = reasons
        granted.set()

    def heard(client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        if message.topic == _VERSION:
            version.append(message.payload.decode("utf-8", "replace"))
            told.set()

    client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, heard
    try:
        client.connect(address.host, address.port)
    except (OSError, ValueError) as fault:
        hint = "" if isinstance(fault, ssl.SSLError) else "; is it running, and there?"
        return False, f"{shown}: {unreached(fault, address.tls)}{hint}"
    client.loop_start()
    try:
        if not entered.wait(_PATIENCE_S):
            return False, (
                f"{shown} takes connections and does not answer as a broker: is it MQTT"
                f"{', and without TLS' if not address.tls else ''}?"
            )
        (reason,) = answers["connect"]
        if reason.is_failure:
            return False, f"{shown} refuses us: {reason}; look at user and password"
        client.subscribe([*((topic, 1) for topic in topics), (_VERSION, 0)])
        if not granted.wait(_PATIENCE_S):
            return False, f"{shown} lets us in and does not answer to a subscription"
        found = dict(zip(topics, answers["subscribe"], strict=False))
        refused = [topic for topic, one in found.items() if one.is_failure]
        if refused:
            return False, f"{shown} lets us in and refuses to deliver {', '.join(refused)}"
        once = [topic for topic, one in found.items() if one.value == 0]
        if once:
            return False, f"{shown} delivers {', '.join(once)} at most once (QoS 0): allow QoS 1"
        told.wait(_VERSION_S)
        name = next(iter(version), "")
        note = f"; {_QUEUE}" if name.startswith("mosquitto") else ""
        return True, f"{shown} lets us in and delivers{f': {name}' if name else ''}{note}"
    finally:
        client.disconnect()
        client.loop_stop()


def _client(address: Address) -> paho.Client:
    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id=f"emscher-doctor-{secrets.token_hex(4)}"
    )
    if address.username is not None:
        client.username_pw_set(address.username, address.password)
    if address.tls:
        client.tls_set_context(context(address))
    return client
