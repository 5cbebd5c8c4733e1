"""What the operator can set: on the command line, by EMSCHER_… variables, or in emscher.toml.

Every setting is checked when it is read, and a wrong one is named with what was expected.
"""

import re
from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import TomlConfigSettingsSource as TomlSource

from gateway.address import broker_address, host_port
from gateway.errors import SettingsError
from ingest.clock import zone
from ingest.formats import mappings as checked_mappings
from ingest.formats import session_keys
from ingest.store import Server

FILE = "emscher.toml"


class Settings(BaseSettings):
    """The settings; a test holds the table in docs/developers.md to these names and words."""

    model_config = SettingsConfigDict(
        env_prefix="EMSCHER_", toml_file=FILE, extra="forbid", validate_default=False
    )

    data: Path = Field(Path("emscher-data"), description="folder of everything that is kept")
    http: str = Field("127.0.0.1:8000", description="where console and API listen")
    mqtt: str = Field("127.0.0.1:1883", description="where the embedded broker listens")
    broker: Annotated[list[str], NoDecode] = Field([], description="brokers to use instead")
    topics: Annotated[list[str], NoDecode] = Field(["#"], min_length=1, description="MQTT topics")
    zone: str = Field("Europe/Berlin", description="zone of days, and of clocks without an offset")
    codecs: dict[str, str] = Field({}, description="device profile or DevEUI = payload codec")
    mapping: list[dict[str, Any]] = Field([], description="JSON of your own: what its fields mean")
    lorawan_keys: dict[str, str] = Field({}, description="session keys for raw gateway traffic")
    keep_messages: int = Field(
        30, ge=0, le=36_525, description="days that messages are kept as they came; 0: none are"
    )
    novelty: Annotated[list[str], NoDecode] = Field(
        [], description='patterns of "DEVICE QUANTITY" of series whose novelty is told'
    )
    keep_readings: int = Field(
        0, ge=0, le=36_525, description="days that readings of gauges are kept; 0: for ever"
    )
    store: Literal["embedded", "influx"] = Field("embedded", description="where readings go")
    influx_url: str = Field("http://127.0.0.1:8086", description="store influx: its address")
    influx_bucket: str = Field("emscher", description="its bucket, or database[/retention]")
    influx_org: str = Field("", description="its organisation (InfluxDB 2)")
    influx_token: str = Field("", description="its token, or user:password (InfluxDB 1.8)")
    catalog: str = Field("", description="of sites and meters: a URL of PostgreSQL, else SQLite")
    tariffs: str = Field(
        "", description="folder of tariffs and CO2 intensities, else `tariffs` in the data folder"
    )
    notify: str = Field("", description="file of rules: who is told of which anomalies, and how")
    rate_limit: int = Field(
        50, ge=0, le=1_000_000, description="requests a second of each key; 0: no bound"
    )
    first_key: str = Field("", description="file for the text of a first key, made where none is")
    oidc_issuer: str = Field("", description="OpenID Connect: issuer whose bearer tokens are taken")
    oidc_audience: str = Field("emscher", description="OpenID Connect: what a token must be for")
    oidc_claim: str = Field("groups", description="OpenID Connect: claim with groups, by dots")
    oidc_groups: dict[str, str] = Field(
        {}, description="OpenID Connect: group = scope, or scope@tenant; the first one counts"
    )
    publish: str = Field("", description="broker that is told values, energy and anomalies: a URL")
    publish_prefix: str = Field("emscher/v1", description="what the topics of those begin with")
    publish_discovery: str = Field(
        "", description="where Home Assistant looks for sensors, such as homeassistant"
    )
    virtual_meters: dict[str, str] = Field(
        {}, description="formulas of registers that have a name: NAME = FORMULA"
    )
    public: bool = Field(
        False, description="show totals of homes, and public places, to everybody without a key"
    )
    demo: bool = Field(False, description="feed a small simulated city")

    @field_validator("http", "mqtt")
    @classmethod
    def _listens(cls, text: str) -> str:
        host_port(text)
        return text

    @field_validator("broker", "topics", "novelty", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        return [one.strip() for one in given.split(",")] if isinstance(given, str) else given

    @field_validator("broker")
    @classmethod
    def _brokers(cls, urls: list[str]) -> list[str]:
        for url in urls:
            broker_address(url)
        return urls

    @field_validator("publish")
    @classmethod
    def _publishes(cls, url: str) -> str:
        if url:
            broker_address(url)
        return url

    @field_validator("publish_prefix", "publish_discovery")
    @classmethod
    def _begins(cls, topic: str, info: ValidationInfo) -> str:
        wrong = topic.startswith(("/", "$")) or topic.endswith("/") or set(topic) & set("+#\0")
        if wrong or (not topic and info.field_name == "publish_prefix"):
            raise ValueError(f'expected the begin of a topic, such as emscher/v1, found "{topic}"')
        return topic

    @field_validator("zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        zone(name)
        return name

    @field_validator("mapping")
    @classmethod
    def _mapping(cls, tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
        checked_mappings(tables)
        return tables

    @field_validator("lorawan_keys")
    @classmethod
    def _keys(cls, keys: dict[str, str]) -> dict[str, str]:
        session_keys(keys)
        return keys

    @field_validator("influx_url")
    @classmethod
    def _influx(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
            raise ValueError(f'expected http[s]://host[:port], found "{url}"')
        return url

    @property
    def server(self) -> Server | None:
        """Where InfluxDB is; None where readings go into the embedded store."""
        if self.store == "embedded":
            return None
        return Server(self.influx_url, self.influx_bucket, self.influx_token, self.influx_org)

    @property
    def tariff_folder(self) -> Path:
        """Where tariffs lie."""
        return Path(self.tariffs) if self.tariffs else self.data / "tariffs"

    @property
    def where(self) -> tzinfo:
        """The zone, ready to use."""
        return zone(self.zone)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line before variables before the file."""
        return init_settings, env_settings, TomlSource(settings_cls)


CLIENTS = frozenset(("EMSCHER_KEY", "EMSCHER_URL"))  # are read by those who ask, such as `query`
_SECRET = frozenset(
    ("broker", "influx_token", "lorawan_keys")
)  # their words leave the secret part out themselves


def settings_from(environment: Mapping[str, str], **given: object) -> Settings:
    """Return the settings; what is None was not given.

    Errors  SettingsError, a sentence for each wrong key.
    """
    unknown = [
        name
        for name in environment
        if name.startswith("EMSCHER_")
        and name not in CLIENTS
        and name[8:].lower() not in Settings.model_fields
    ]
    if unknown:
        known = ", ".join(f"EMSCHER_{name.upper()}" for name in Settings.model_fields)
        raise SettingsError(
            f"settings: {', '.join(unknown)} is no variable of Emscher; expected one of {known}"
        )
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = [
            _sentence(one["loc"], one["type"], one["msg"], one["input"]) for one in error.errors()
        ]
        wrong.append(f"Options come before EMSCHER_… variables, and these before {FILE}.")
        raise SettingsError("\n".join(wrong)) from None
    except (ValueError, OSError) as error:  # a file that is no TOML, a variable that is no JSON
        raise SettingsError(
            f"settings: {FILE} or an EMSCHER_… variable can't be read: {error}"
        ) from None


def _sentence(place: tuple[int | str, ...], kind: str, said: str, given: object) -> str:
    key = ".".join(str(part) for part in place)
    wrong = said.removeprefix("Value error, ")
    if kind == "extra_forbidden":
        wrong = f"expected one of {', '.join(Settings.model_fields)}"
    # An address may hold a password; the sentences about such settings leave it out.
    hidden = "found" in wrong or str(place[0]) in _SECRET
    return f"settings: {key}: {wrong}" + ("" if hidden else f"; found {given!r}")
