"""Topics: filters to subscribe to, and rules that give a message another topic.

A rule is either a pair `old/# = new/#`, or a template such as `replayed/{topic}`. In a pair, + is
one level and # the rest, as MQTT has it; the levels that + and # stand for are put in, in order,
where the right side has them. The first rule that fits a topic decides; a topic that none fits
stays as it is.
Source: MQTT 3.1.1, section 4.7 "Topic Names and Topic Filters".
"""

from collections.abc import Sequence

from fleet.errors import TopicError

_BYTES_MAX = 65_535


def checked_filter(text: str) -> str:
    """Return a topic filter as it is. Errors: TopicError where MQTT doesn't allow it."""
    levels = text.split("/")
    wrong = any(("+" in level or "#" in level) and len(level) > 1 for level in levels)
    if not text or "\0" in text or wrong or "#" in levels[:-1] or len(text.encode()) > _BYTES_MAX:
        raise TopicError(
            "topic: expected levels with / between them, + for any one level and # for all the "
            f"rest, each alone in its level and # at the end; found {text!r}"
        )
    return text


def matched(levels: Sequence[str], wanted: Sequence[str]) -> list[str] | None:
    """Return what + and # of a filter's levels stand for in a topic's; None where it doesn't fit.

    Topics that begin with $ are only fit by a filter that begins with the same level.
    """
    if levels[0].startswith("$") and wanted[0] != levels[0]:
        return None
    parts: list[str] = []
    for at, want in enumerate(wanted):
        if want == "#":
            return [*parts, "/".join(levels[at:])]
        if at >= len(levels) or want not in ("+", levels[at]):
            return None
        if want == "+":
            parts.append(levels[at])
    return parts if len(levels) == len(wanted) else None


class TopicMap:
    """Rules, tried in order; calling it with a topic returns the new one."""

    def __init__(self, rules: Sequence[str]) -> None:
        """Read the rules. Errors: TopicError with what was expected and what was found."""
        self._rules = [_rule(text) for text in rules]
        self._known: dict[str, str] = {}

    def __call__(self, topic: str) -> str:
        """Return the topic's new name. Errors: TopicError where that would be none."""
        new = self._known.get(topic)
        if new is None:
            new = self._new(topic)
            if not new or len(new.encode()) > _BYTES_MAX:
                raise TopicError(f"map: expected a topic for {topic!r}, found {new[:60]!r}")
            if len(self._known) < 100_000:
                self._known[topic] = new
        return new

    def _new(self, topic: str) -> str:
        levels = topic.split("/")
        for old, new in self._rules:
            if old is None:
                return "".join(topic if part == "{topic}" else part for part in new)
            parts = matched(levels, old)
            if parts is not None:
                return _filled(old, new, parts)
        return topic


def _rule(text: str) -> tuple[list[str] | None, list[str]]:
    """Return (levels of the filter, levels of the new topic), or (None, parts of a template)."""
    old, equals, new = (part.strip() for part in text.partition("="))
    if equals:
        before, after = checked_filter(old).split("/"), checked_filter(new).split("/")
        if after.count("+") > before.count("+") or ("#" in after and "#" not in before):
            raise TopicError(
                f"map: expected no more + and # on the right than on the left, found {text!r}"
            )
        return before, after
    parts = text.strip().replace("{topic}", "\n{topic}\n").split("\n")
    if parts.count("{topic}") != 1 or any(mark in text for mark in "+#\0\n"):
        raise TopicError(
            "map: expected a rule such as 'old/# = new/#' or a template such as "
            f"'replayed/{{topic}}', found {text!r}"
        )
    return None, parts


def _filled(old: Sequence[str], new: Sequence[str], parts: Sequence[str]) -> str:
    """Return the new topic: its + and # replaced by what those of the filter stand for."""
    one = iter(parts[:-1] if old[-1] == "#" else parts)
    levels = [next(one) if level == "+" else level for level in new]
    if new[-1] == "#":
        levels[-1:] = [parts[-1]] if parts[-1] else []
    return "/".join(levels)
