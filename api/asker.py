"""Who asks."""

from fastapi import Request

NOBODY_KNOWN = "somebody"


def who(request: Request) -> str:
    """Return the name of whoever asks; "somebody" where nothing says who that is."""
    name = getattr(getattr(request.state, "asker", None), "name", None)
    return str(name) if name else NOBODY_KNOWN
