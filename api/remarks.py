"""One anomaly, and what people say of it: acknowledged, commented on, closed, reopened."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from api.asker import who
from api.feed import event
from api.house import House, Rooms
from api.problems import ConflictError, NotFoundError
from api.shapes import AnomalyOut, anomaly_out, example
from api.times import utc
from ingest.catalog import (
    Catalog,
    Handled,
    Handling,
    Remark,
    Say,
    handling_of,
    remark,
    remarks_of,
)
from ingest.derived import Anomaly
from ingest.errors import StoreUnavailable

router = APIRouter(prefix="/v1", tags=["anomalies"])

NOTE_MAX = 2000
_Id = Annotated[str, Path(description="its id", examples=["5f0e6a0c1b2d3e4f5a6b"])]
_EXPECTED = {
    Say.ACKNOWLEDGE: "an anomaly that is not closed; reopen it first",
    Say.CLOSE: "an anomaly that is not closed yet",
    Say.REOPEN: "a closed anomaly",
}


class RemarkIn(BaseModel):
    """What a person says of an anomaly. The note of a comment can't be empty."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"kind": "acknowledge", "note": "Fitter is on the way"}]},
    )
    kind: Literal["acknowledge", "comment", "close", "reopen"] = Field(
        description="acknowledge: somebody deals with it; close: done; reopen: not done after all",
        examples=["acknowledge"],
    )
    note: str = Field(
        default="", max_length=NOTE_MAX, description="in words", examples=["Fitter is on the way"]
    )

    @field_validator("note")
    @classmethod
    def _plain(cls, note: str) -> str:
        """Refuse what no database keeps."""
        if "\x00" in note:
            raise ValueError("text without the character NUL")
        return note.strip()

    @model_validator(mode="after")
    def _says_something(self) -> "RemarkIn":
        if self.kind == "comment" and not self.note:
            raise ValueError("a note with the comment's words")
        return self


class RemarkOut(BaseModel):
    """One remark: who said what, when."""

    model_config = example(
        at="2026-03-01T12:10:00Z", kind="acknowledge", author="anna", note="Fitter is on the way"
    )
    at: str
    kind: str
    author: str
    note: str


class OneAnomalyOut(AnomalyOut):
    """An anomaly with all that people said of it, the oldest first."""

    model_config = example(
        **AnomalyOut.model_json_schema()["examples"][0],
        said=[RemarkOut.model_json_schema()["examples"][0]],
    )
    said: list[RemarkOut] | None = Field(description="null while the catalog is away")


@router.get("/anomalies/{id}")
def one_anomaly(rooms: Rooms, id: _Id) -> OneAnomalyOut:
    """One anomaly with all remarks on it."""
    anomaly = _found(rooms, id)
    try:
        return _told(anomaly, rooms.catalog.asked(lambda catalog: _remarks(catalog, id)))
    except StoreUnavailable:
        return OneAnomalyOut(**anomaly_out(anomaly).model_dump(), said=None)


@router.post("/anomalies/{id}/remarks")
def remark_on(rooms: Rooms, request: Request, id: _Id, said: RemarkIn) -> OneAnomalyOut:
    """Say something of an anomaly: acknowledge, comment, close or reopen it.

    What is said stays: remarks are only ever added. An anomaly that the readings have ended stays
    ended, and one that lasts stays open, whatever people say of it.
    """
    anomaly = _found(rooms, id)
    author, at_ns = who(request), rooms.now_ns()

    def ask(catalog: Catalog) -> list[Remark]:
        with catalog.changing() as connection:
            before = remarks_of(connection, id)
            _check(Say(said.kind), before)
            remark(connection, id, kind=Say(said.kind), author=author, note=said.note, at_ns=at_ns)
            return remarks_of(connection, id)

    told = _told(anomaly, rooms.catalog.asked(ask))
    body = told.model_dump(exclude={"said"})
    rooms.feed.tell([event("anomaly", body, anomaly.device, anomaly.quantity)])
    return told


def _found(rooms: House, id: str) -> Anomaly:
    anomaly = rooms.store.anomaly(id)
    if anomaly is None:
        raise NotFoundError(f"there is no anomaly {id[:80]}; /v1/anomalies lists them")
    return anomaly


def _check(say: Say, before: list[Remark]) -> None:
    """Raise ConflictError where a step does not fit how the anomaly is handled now."""
    if say is Say.COMMENT:
        return
    handling = handling_of(before)
    wrong = handling is not Handling.CLOSED if say is Say.REOPEN else handling is Handling.CLOSED
    if not wrong:
        return
    by = next((one for one in reversed(before) if one.kind != Say.COMMENT), None)
    whose = "" if by is None else f" (last: {by.kind} by {by.author}, {utc(by.at)})"
    raise ConflictError(f"{say.value}: expected {_EXPECTED[say]}, found {handling.value}{whose}")


def _remarks(catalog: Catalog, id: str) -> list[Remark]:
    with catalog.changing() as connection:
        return remarks_of(connection, id)


def _told(anomaly: Anomaly, remarks: list[Remark]) -> OneAnomalyOut:
    how = Handled(handling_of(remarks), len(remarks))
    return OneAnomalyOut(
        **anomaly_out(anomaly, how).model_dump(),
        said=[
            RemarkOut(at=utc(one.at), kind=one.kind, author=one.author, note=one.note)
            for one in remarks
        ],
    )
