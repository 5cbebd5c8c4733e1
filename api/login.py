"""Signing in with a key in a browser, who one is, and the audit log."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.gate import COOKIE, Guard, address, too_many
from api.house import Rooms
from api.keys import EVERYBODY, SIGNED_IN_S, VISITOR, Asker, id_in
from api.paging import Cursor, Limit, place, word
from api.problems import UnknownAskerError
from api.shapes import Page, example
from api.times import utc
from ingest.catalog import deeds

router = APIRouter(prefix="/v1", tags=["operation"])


class LoginIn(BaseModel):
    """A key, to be exchanged for a sign-in."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"key": "emscher_1a2b3c4d_…"}]}
    )
    key: str = Field(max_length=200, description="the text of a key", examples=["emscher_1a2b…"])


class MeOut(BaseModel):
    """Who one is here, and what one may do."""

    model_config = example(
        name="Stadtwerke", scope="read", tenant="dortmund", signed_in=True, open=False
    )
    name: str
    scope: str
    tenant: str | None = Field(description="whose data is seen; null: that of all")
    signed_in: bool = Field(description="whether a key or a sign-in was shown that holds")
    open: bool = Field(description="whether everybody at this machine may all: there are no keys")


class DeedOut(BaseModel):
    """One line of the audit log."""

    model_config = example(
        at="2026-03-01T12:00:00Z",
        who="anna (1a2b3c4d)",
        tenant="dortmund",
        did="POST /v1/anomalies/5f0e6a0c/remarks",
        about="",
        outcome="200",
    )
    at: str
    who: str = Field(description="name of the key, and its id or the address it came from")
    tenant: str | None
    did: str
    about: str = Field(description="the query, or what a command was told")
    outcome: str = Field(description="the status of the answer")


@router.post("/login")
def login(request: Request, response: Response, said: LoginIn) -> MeOut:
    """Exchange a key for a cookie that holds for twelve hours, at most as long as the key."""
    guard: Guard | None = request.app.state.guard
    if guard is None or not guard.ring.closed:
        return _me(EVERYBODY)
    wait_s = guard.wrong.wait_s(address(request))
    if wait_s:
        raise too_many("sign-ins", wait_s)
    text = said.key.strip()
    asker = guard.ring.asker(text)
    row = guard.ring.standing(id_in(text) or "")
    if asker is None or row is None:
        raise UnknownAskerError("key: expected one that holds, found one that does not")
    response.set_cookie(
        COOKIE,
        guard.sessions.begin(row),
        max_age=SIGNED_IN_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return _me(asker)


@router.post("/logout")
def logout(response: Response) -> MeOut:
    """End the sign-in of this browser."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return _me(VISITOR)


@router.get("/me")
def me(request: Request) -> MeOut:
    """Who one is here, and what one may do."""
    return _me(request.state.asker)


@router.get("/audit")
def audit(
    rooms: Rooms,
    limit: Limit = 100,
    cursor: Cursor = None,
    tenant: Annotated[
        str | None, Query(description="only what its keys did", examples=["dortmund"])
    ] = None,
) -> Page[DeedOut]:
    """Who changed what, and whose key was refused; the newest first. Needs the scope admin."""
    before = None if cursor is None else place(cursor, tuple[int])[0]
    whose = rooms.tenant or tenant
    if rooms.tenant is not None and tenant not in (None, rooms.tenant):
        return Page(items=[], next=None)
    found = rooms.catalog.asked(
        lambda catalog: deeds(catalog, limit + 1, before=before, tenant=whose)
    )
    shown = found[:limit]
    return Page(
        items=[DeedOut(**{**deed._asdict(), "at": utc(deed.at)}) for _, deed in shown],
        next=word(shown[-1][0]) if len(found) > limit else None,
    )


def _me(asker: Asker) -> MeOut:
    return MeOut(
        name=asker.name,
        scope=asker.scope.value,
        tenant=asker.tenant,
        signed_in=asker not in (EVERYBODY, VISITOR),
        open=asker is EVERYBODY,
    )
