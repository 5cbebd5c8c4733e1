"""How publishing over MQTT goes, for health and metrics."""

from typing import Protocol

from pydantic import BaseModel, Field


class Publishing(Protocol):
    """What the publisher tells of itself (gateway/publisher.py)."""

    @property
    def url(self) -> str:
        """The broker, without a password."""

    @property
    def connected(self) -> bool:
        """Whether it is connected now."""

    @property
    def published(self) -> int:
        """Messages that the broker has taken."""

    @property
    def waiting(self) -> int:
        """Values and events that it does not have yet."""

    @property
    def dropped(self) -> int:
        """Events that were too many to wait."""

    @property
    def error(self) -> str | None:
        """What is wrong, in a sentence; None: nothing."""


class PublishingOut(BaseModel):
    """Publishing of values and anomalies to a broker, since the start."""

    url: str
    connected: bool
    published: int = Field(description="messages that the broker has taken")
    waiting: int = Field(description="values and events that it does not have yet")
    dropped: int = Field(description="events that were too many to wait")
    heard_again: int = Field(description="own messages that came back and were passed over")
    error: str | None
