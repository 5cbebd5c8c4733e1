"""Users, passwords, certificates and absences, at a real mosquitto: who gets in, and what is said.

Each is tried by both who publish: aiomqtt's client and the pump.
"""

import gc
import subprocess

import pytest
from fleet_brokers import authority, free_port, hearing, mosquitto, stream, until

from fleet.broker import Broker, Tls, absent
from fleet.errors import BrokerAbsentError
from fleet.pump import pump
from fleet.stream import publish_stream

# paho leaves the socket of a failed handshake to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning")


@pytest.fixture(autouse=True)
def _swept():
    """Let what paho leaves be collected here, and not in whatever test comes next."""
    yield
    gc.collect()


async def _stream(broker, messages):
    return await publish_stream(broker, iter(messages))


@pytest.fixture(params=[_stream, pump], ids=["stream", "pump"])
def publishing(request):
    """Both ways to publish."""
    return request.param


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """The port of a mosquitto that lets in nobody but anna."""
    folder = tmp_path_factory.mktemp("guarded")
    passwords = folder / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", passwords, "anna", "p@ss:x"], check=True)
    with mosquitto(folder, "allow_anonymous false", f"password_file {passwords}") as broker:
        yield broker.port


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """The port of a mosquitto that speaks TLS only, and the certificates."""
    folder = tmp_path_factory.mktemp("certified")
    paths = authority(folder)
    lines = [f"certfile {paths['server']}", f"keyfile {paths['server_key']}"]
    with mosquitto(folder, "allow_anonymous true", *lines) as broker:
        yield broker.port, paths


@pytest.fixture(scope="module")
def mutual(tmp_path_factory):
    """The same, for clients with a certificate only."""
    folder = tmp_path_factory.mktemp("mutual")
    paths = authority(folder)
    lines = [f"certfile {paths['server']}", f"keyfile {paths['server_key']}"]
    lines += [f"cafile {paths['ca']}", "require_certificate true"]
    with mosquitto(folder, "allow_anonymous true", *lines) as broker:
        yield broker.port, paths


async def test_user_and_password_let_us_in(guarded, publishing):
    sent = await publishing(Broker("127.0.0.1", guarded, "anna", "p@ss:x"), stream(20))
    assert (sent.acknowledged, sent.unacknowledged) == (20, 0)


async def test_a_wrong_password_names_the_user_and_not_the_password(guarded, publishing):
    broker = Broker("127.0.0.1", guarded, "anna", "wrong-one")
    with pytest.raises(BrokerAbsentError, match=r"not authorized.*password of.*anna") as told:
        await publishing(broker, stream(1))
    assert "wrong-one" not in str(told.value) + repr(broker)


async def test_a_missing_password_is_asked_for(guarded, publishing):
    with pytest.raises(BrokerAbsentError, match=r"refuses.*give the user name and password"):
        await publishing(Broker("127.0.0.1", guarded), stream(1))


async def test_nobody_there_and_no_such_host_are_told_apart(publishing):
    port = free_port()
    with pytest.raises(BrokerAbsentError, match=rf":{port}, found: nobody listens.*start it"):
        await publishing(Broker("127.0.0.1", port), stream(1))
    with pytest.raises(BrokerAbsentError, match=r"no such host.*how the host is spelled"):
        await publishing(Broker("no-such-host.invalid", port), stream(1))


async def test_everything_arrives_over_tls(certified, publishing):
    port, paths = certified
    with hearing(port, ca_certs=str(paths["ca"])) as heard:
        broker = Broker("localhost", port, tls=Tls(paths["ca"]))
        sent = await publishing(broker, stream(500))
        await until(lambda: len(heard) >= 500)
    assert sent.acknowledged == 500
    assert sorted(int(payload) for _, payload in heard) == list(range(500))


@pytest.mark.parametrize("ca", [None, "other"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    certified, publishing, ca, tmp_path
):
    """Whether the authority is none of this machine's or none of ours."""
    other = None if ca is None else authority(tmp_path, "other")["ca"]
    with pytest.raises(BrokerAbsentError, match=r"a certificate that can't be trusted.*authority"):
        await publishing(Broker("localhost", certified[0], tls=Tls(other)), stream(1))


async def test_a_certificate_for_another_name_is_refused(tmp_path, publishing):
    paths = authority(tmp_path, host="elsewhere.example")
    lines = [f"certfile {paths['server']}", f"keyfile {paths['server_key']}"]
    with (
        mosquitto(tmp_path, "allow_anonymous true", *lines) as broker,
        pytest.raises(BrokerAbsentError, match=r"trusted.*localhost.*the name in it"),
    ):
        await publishing(Broker("localhost", broker.port, tls=Tls(paths["ca"])), stream(1))


async def test_insecure_takes_any_certificate(certified, publishing):
    tls = Tls(insecure=True)
    sent = await publishing(Broker("127.0.0.1", certified[0], tls=tls), stream(10))
    assert sent.acknowledged == 10


async def test_a_client_certificate_lets_us_in(mutual, publishing):
    port, paths = mutual
    tls = Tls(paths["ca"], paths["client"], paths["client_key"])
    assert (await publishing(Broker("localhost", port, tls=tls), stream(10))).acknowledged == 10


async def test_a_missing_client_certificate_is_asked_for(mutual):
    port, paths = mutual
    with pytest.raises(BrokerAbsentError, match="does it ask for a client certificate"):
        await pump(Broker("localhost", port, tls=Tls(paths["ca"])), stream(1))


async def test_a_port_without_tls_and_one_with_it_are_not_taken_for_the_other(guarded, certified):
    with pytest.raises(BrokerAbsentError, match="is this the port for TLS"):
        await pump(Broker("localhost", guarded, tls=Tls()), stream(1))
    with pytest.raises(BrokerAbsentError, match="does it speak MQTT there, and without TLS"):
        await pump(Broker("localhost", certified[0]), stream(1))


def test_files_for_tls_are_looked_at(tmp_path):
    paths = authority(tmp_path)
    nothing = tmp_path / "none.pem"
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for tls, says in [
        (Tls(ca=nothing), "CA file .*none.pem, found no such file"),
        (Tls(certificate=nothing), "certificate file .*none.pem, found no such file"),
        (Tls(certificate=paths["client"], key=nothing), "key file .*none.pem"),
        (Tls(ca=broken), r"in PEM.*broken\.pem, found"),
        (Tls(certificate=paths["client"], key=paths["server_key"]), "found: .*MISMATCH|mismatch"),
        (Tls(key=paths["client_key"]), "found the key alone"),
    ]:
        with pytest.raises(BrokerAbsentError, match=says):
            tls.context()


async def test_clients_are_called_by_their_prefix(tmp_path, publishing):
    with mosquitto(tmp_path, "allow_anonymous true", "log_type all") as broker:
        await publishing(Broker("127.0.0.1", broker.port, client_id="city"), stream(3))
        await until(lambda: " as city-0 " in broker.log())


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (2, 'client identifier not valid.*another client id than "me"'),
        (3, "server unavailable.*broker's log"),
        (42, "code 42"),
    ],
)
def test_each_refusal_has_its_remedy(code, says):
    broker = Broker("::1", 1883, client_id="me")
    with pytest.raises(BrokerAbsentError, match=rf"at \[::1\]:1883, found: .*{says}"):
        raise absent(broker, code)
