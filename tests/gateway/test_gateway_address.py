"""What a person may type for a broker or a listener, and what is said of the rest."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.address import Address, broker_address, host_port
from gateway.errors import AddressError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("broker", Address("broker", 1883)),
        ("broker:1884", Address("broker", 1884)),
        ("mqtt://broker/", Address("broker", 1883)),
        ("mqtts://broker", Address("broker", 8883, tls=True)),
        ("MQTT://Broker", Address("broker", 1883)),
        ("mqtt://[::1]:1884", Address("::1", 1884)),
        ("mqtt://anna@broker", Address("broker", 1883, False, "anna")),
        ("mqtts://anna:p%40ss%2Fword@broker:1", Address("broker", 1, True, "anna", "p@ss/word")),
        ("mqtt://anna:a:b@broker", Address("broker", 1883, False, "anna", "a:b")),
        ("mqtt://zähler.example", Address("zähler.example", 1883)),
    ],
)
def test_a_broker_is_named_by_a_url_or_by_host_and_port(url, address):
    assert broker_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "", "mqtt://", "mqtt://:1883", "http://broker", "mqtt://broker:0", "mqtt://broker:99999",
        "mqtt://broker:port", "mqtt://broker/path", "mqtt://broker?x=1", "mqtt://broker#x",
        "mqtt://bro ker", "mqtt://a..b", "mqtt://" + "a" * 64, "mqtt://[::1", "::1:1883",
        "mqtt://:word@broker",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_is_expected(url):
    with pytest.raises(AddressError, match=r"expected mqtt://.*mqtts:// for TLS; found"):
        broker_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://anna:secret@broker", "mqtt://anna:secret@broker/path", "mqtt://anna:sec/ret@broker",
        "mqtt://anna:secret@broker:port", "anna:secret@broker:99999", "mqtt://anna:se@cret@br oker",
        "mqtt://:secret@broker",
    ],
)  # fmt: skip
def test_no_message_shows_a_password(url):
    with pytest.raises(AddressError) as told:
        broker_address(url)
    assert not any(part in str(told.value) for part in ("secret", "sec/", "cret", "ret@"))


def test_an_address_is_shown_without_its_password():
    assert broker_address("mqtts://anna:secret@[::1]:1").shown == "mqtts://anna@[::1]:1"
    assert broker_address("broker").shown == "mqtt://broker:1883"


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_is_refused_in_words(text):
    """And what is an address can be looked up: no fault but OSError is possible later."""
    for read in (broker_address, host_port):
        host = "fine"
        with contextlib.suppress(AddressError):
            found = read(text)
            host = found.host if isinstance(found, Address) else found[0]
        host.encode("idna")
        assert not any(sign.isspace() or sign == "\0" for sign in host)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:1883", ("127.0.0.1", 1883)),
        (" localhost:0 ", ("localhost", 0)),
        ("[::]:65535", ("::", 65535)),
    ],
)
def test_a_listener_is_host_and_port(text, found):
    assert host_port(text) == found


@pytest.mark.parametrize("text", ["", "1883", ":1883", "h:65536", "h:-1", "::1:80", "h:80/x", "h"])
def test_a_listener_that_is_none_is_refused_with_an_example(text):
    with pytest.raises(AddressError, match=r"HOST:PORT, such as 127\.0\.0\.1:1883; found"):
        host_port(text)
