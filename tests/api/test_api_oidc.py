"""Tokens of an OpenID Connect provider, whose documents a real nginx serves."""

import json
import shutil
import subprocess
import time
from dataclasses import replace

import jwt
import pytest
from api_town import METER, Town, fill, problem_of, until
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.testclient import TestClient
from urllib3 import request
from urllib3.exceptions import HTTPError

from api.app import create_app
from api.gate import Guard, Rate
from api.guarding import OidcError, check_keys
from api.keys import KeyRing, Scope, Sessions
from api.oidc import Vouched
from ingest.errors import StoreUnavailable
from ingest.place import Placed

AUDIENCE = "emscher"
GROUPS = {"bosses": "admin", "planners": "read@dortmund", "all": "read"}


class Issuer:
    """Keys that are published over HTTP, and tokens signed with them."""

    def __init__(self, folder, port: int) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{port}/realm"
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        (folder / "realm/.well-known").mkdir(parents=True)
        self.publish({"r": self.rsa})
        self.describe()
        temporary = "".join(
            f"{name}_temp_path {folder};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"pid {folder}/nginx.pid; error_log {folder}/nginx.log; daemon off;"
            " master_process off; events {}\n"
            f"http {{ access_log {folder}/asked.log; {temporary}"
            f" server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
        )
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        asked = [nginx, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "nginx.log"]
        self._nginx = subprocess.Popen(asked)

        def answers() -> bool:
            try:
                return request("GET", f"{self.url}/keys", retries=False).status == 200
            except HTTPError:
                return False

        try:
            until(answers)
        except AssertionError:
            self.stop()
            raise

    def describe(self, **facts: str) -> None:
        about = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | facts
        path = self.folder / "realm/.well-known/openid-configuration"
        path.write_text(json.dumps(about))

    def publish(self, keys: dict) -> None:
        told = []
        for kid, key in keys.items():
            maker = jwt.algorithms.RSAAlgorithm if key is self.rsa else jwt.algorithms.ECAlgorithm
            told.append({**maker.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"})
        told.append({"kty": "oct", "k": "c2VjcmV0", "kid": "shared"})
        told.append({"kty": "none-such", "kid": "odd"})
        (self.folder / "realm/keys").write_text(json.dumps({"keys": told}))

    def token(self, kid="r", alg="RS256", key=None, **claims: object) -> str:
        now = int(time.time())
        told = {
            **{"iss": self.url, "aud": AUDIENCE, "sub": "u1", "iat": now, "exp": now + 60},
            **{"preferred_username": "anna", "groups": ["planners"]},
        } | claims
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(told, key or self.rsa, algorithm=alg, headers={"kid": kid})

    def asked(self) -> int:
        return (self.folder / "asked.log").read_text().count("GET /realm/keys")

    def stop(self) -> None:
        self._nginx.terminate()
        self._nginx.wait(20)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory, unused_tcp_port_factory):
    issuer = Issuer(tmp_path_factory.mktemp("issuer"), unused_tcp_port_factory())
    yield issuer
    issuer.stop()


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def vouched(issuer):
    issuer.publish({"r": issuer.rsa})
    issuer.describe()
    return Vouched(issuer.url, AUDIENCE, "groups", GROUPS, Clock())


def test_a_token_says_who_one_is_and_what_one_may(issuer, vouched):
    asker = vouched.asker(issuer.token())
    assert (asker.name, asker.scope, asker.tenant) == ("anna", Scope.READ, "dortmund")
    assert asker.key == "oidc:u1"
    assert asker.until_s == pytest.approx(time.time() + 60, abs=5)
    boss = vouched.asker(issuer.token(groups=["all", "bosses"], preferred_username=None))
    assert (boss.name, boss.scope, boss.tenant) == ("u1", Scope.ADMIN, None)
    # Providers differ in where groups are, and how they are written.
    nested = Vouched(issuer.url, AUDIENCE, "realm_access.roles", GROUPS, Clock())
    assert nested.asker(issuer.token(realm_access={"roles": ["all"]})).scope is Scope.READ
    assert vouched.asker(issuer.token(groups="other all")).tenant is None
    assert vouched.asker(issuer.token(aud=["other", AUDIENCE])) is not None


def forged(issuer, what):
    """Return a token that must not be taken."""
    now = int(time.time())
    public = issuer.rsa.public_key()
    stolen = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ways = {
        "another's key": lambda: issuer.token(key=stolen),
        "no signature": lambda: jwt.encode(
            jwt.decode(issuer.token(), options={"verify_signature": False}), "", algorithm="none"
        ),
        # The public key, which everybody has, as a shared secret.
        "the published key as a secret": lambda: jwt.encode(
            {"iss": issuer.url, "aud": AUDIENCE, "sub": "u", "iat": now, "exp": now + 60},
            str(public.public_numbers().n),
            algorithm="HS256",
            headers={"kid": "r"},
        ),
        "a shared key": lambda: issuer.token("shared", "HS256", "secret" * 8),
        "ended": lambda: issuer.token(exp=now - 40),
        "of tomorrow": lambda: issuer.token(nbf=now + 3600),
        "without an end": lambda: issuer.token(exp=None),
        "without a subject": lambda: issuer.token(sub=None),
        "for another": lambda: issuer.token(aud="other"),
        "of another issuer": lambda: issuer.token(iss="https://evil.example"),
        "of no group": lambda: issuer.token(groups=None),
        "of a strange group": lambda: issuer.token(groups=["visitors"]),
        "of groups that are none": lambda: issuer.token(groups={"bosses": True}),
        "cut": lambda: issuer.token()[:-4],
        "no token": lambda: "a.b.c",
        "long": lambda: issuer.token(more="x" * 20_000),
    }
    return ways[what]()


@pytest.mark.parametrize(
    "what",
    [
        *("another's key", "no signature", "the published key as a secret", "a shared key"),
        *("ended", "of tomorrow", "without an end", "without a subject", "for another", "long"),
        *("of another issuer", "of no group", "of a strange group", "of groups that are none"),
        *("cut", "no token"),
    ],
)
def test_what_is_forged_or_ended_is_nobodys(issuer, vouched, what):
    assert vouched.asker(issuer.token()) is not None
    assert vouched.asker(forged(issuer, what)) is None


def test_new_keys_are_found_and_the_issuer_is_not_asked_for_every_lie(issuer, vouched):
    assert vouched.asker(issuer.token()) is not None
    before = issuer.asked()
    issuer.publish({"r": issuer.rsa, "e": issuer.ec})
    new = issuer.token("e", "ES256", issuer.ec)
    for _ in range(20):
        assert vouched.asker(new) is None
    assert issuer.asked() == before
    vouched._clock_s.now_s += 31
    assert vouched.asker(new) is not None
    assert issuer.asked() == before + 1
    # A key that is taken back ends within the hour.
    issuer.publish({"r": issuer.rsa})
    vouched._clock_s.now_s += 3601
    assert vouched.asker(new) is None


def test_an_issuer_that_is_away_or_another_is_told(issuer, unused_tcp_port):
    away = Vouched(f"http://127.0.0.1:{unused_tcp_port}", AUDIENCE, "groups", GROUPS, Clock())
    with pytest.raises(StoreUnavailable, match="does not tell its keys"):
        away.asker(issuer.token())
    issuer.describe(issuer="https://other.example")
    strange = Vouched(issuer.url, AUDIENCE, "groups", GROUPS, Clock())
    with pytest.raises(StoreUnavailable, match="calls itself https://other"):
        strange.asker(issuer.token())
    issuer.describe(jwks_uri="http://keys.example/keys")  # which anybody on the way could change
    with pytest.raises(StoreUnavailable, match="expected https://HOST"):
        Vouched(issuer.url, AUDIENCE, "groups", GROUPS, Clock()).asker(issuer.token())
    issuer.describe()


def test_through_the_gate_a_tenants_token_sees_its_devices(issuer, vouched, tmp_path):
    town = fill(Town(tmp_path))

    class Catalog:
        def placed(self):
            return {METER: Placed("dortmund")}

        def asked(self, ask):
            raise StoreUnavailable("not asked here")

    house = replace(town.house, catalog=Catalog())
    noted = []
    sessions = Sessions(b"s" * 32)
    guard = Guard(KeyRing(list, always=True), sessions, noted.append, vouched, Rate(0), Rate(0))
    client = TestClient(create_app(house, guard), "http://localhost")

    def get(path, token):
        return client.get(path, headers={"Authorization": f"Bearer {token}"})

    found = get("/v1/devices", issuer.token())
    assert [one["id"] for one in found.json()["items"]] == [METER]
    assert len(get("/v1/devices", issuer.token(groups=["all"])).json()["items"]) == 4
    assert get("/v1/me", issuer.token()).json()["tenant"] == "dortmund"
    assert "scope write" in problem_of(
        client.post(
            "/v1/anomalies/open/remarks",
            json={"kind": "close"},
            headers={"Authorization": f"Bearer {issuer.token()}"},
        ),
        403,
    )
    assert problem_of(get("/v1/devices", forged(issuer, "ended")), 401)
    guard.vouching = Vouched("http://127.0.0.1:9", AUDIENCE, "groups", GROUPS, Clock())
    assert "does not tell its keys" in problem_of(get("/v1/devices", issuer.token()), 503)


@pytest.mark.parametrize(
    ("issuer_url", "groups", "told"),
    [
        ("http://login.example", GROUPS, "oidc_issuer: expected https://HOST"),
        ("login.example", GROUPS, "oidc_issuer: expected https://HOST"),
        ("https://login.example", {}, "oidc_groups: expected a group at least"),
        ("https://login.example", {"a": "rule"}, 'read@TENANT, found "rule"'),
        ("https://login.example", {"a": "read@"}, 'read@TENANT, found "read@"'),
    ],
)
def test_settings_that_can_not_work_stop_the_start(tmp_path, issuer_url, groups, told):
    class Settings:
        data, http, catalog, rate_limit, first_key = tmp_path, "0.0.0.0:8000", "", 50, ""
        oidc_issuer, oidc_audience, oidc_claim, oidc_groups = (
            issuer_url,
            "emscher",
            "groups",
            groups,
        )

    with pytest.raises(OidcError, match=told.replace("[", "\\[")):
        check_keys(Settings(), "0.0.0.0")
