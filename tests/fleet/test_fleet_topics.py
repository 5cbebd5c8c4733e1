"""Topic filters and rules for other topics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import TopicError
from fleet.topics import TopicMap, checked_filter, matched


@pytest.mark.parametrize("text", ["#", "+", "a", "/", "a/+/b/#", "+/+", "$SYS/#", "ä b/c"])
def test_filters_that_mqtt_allows(text):
    assert checked_filter(text) == text


@pytest.mark.parametrize("text", ["", "a#", "#/a", "a/#/b", "a+/b", "a/b+", "a\0", "ä" * 40_000])
def test_filters_that_mqtt_does_not_allow(text):
    with pytest.raises(TopicError, match="topic: expected levels with / between"):
        checked_filter(text)


@pytest.mark.parametrize(
    ("topic", "wanted", "parts"),
    [  # MQTT 3.1.1, section 4.7.1.2 and 4.7.1.3: the standard's own examples
        ("sport/tennis/player1", "sport/tennis/player1/#", [""]),
        ("sport/tennis/player1/ranking", "sport/tennis/player1/#", ["ranking"]),
        ("sport", "sport/#", [""]),
        ("sport/tennis/player1", "sport/tennis/+", ["player1"]),
        ("sport/tennis/player1/ranking", "sport/tennis/+", None),
        ("sport", "sport/+", None),
        ("sport/", "sport/+", [""]),
        ("/finance", "+/+", ["", "finance"]),
        ("/finance", "/+", ["finance"]),
        ("/finance", "+", None),
        ("$SYS/a", "#", None),
        ("$SYS/a", "$SYS/#", ["a"]),
    ],
)
def test_what_fits_a_filter(topic, wanted, parts):
    assert matched(topic.split("/"), wanted.split("/")) == parts


@pytest.mark.parametrize(
    ("rules", "topic", "new"),
    [
        (["old/# = new/#"], "old/a/b", "new/a/b"),
        (["old/# = new/#"], "old", "new"),
        (["old/# = new/#"], "older/a", "older/a"),
        (["old/#=#"], "old/a", "a"),
        (["old/# = one"], "old/a", "one"),
        (["a/+/b/+ = c/+/+/d"], "a/1/b/2", "c/1/2/d"),
        (["a/+/+ = b/+"], "a/1/2", "b/1"),
        (["a/+/# = +/x/#"], "a/1/2/3", "1/x/2/3"),
        (["# = replayed/#"], "a/b", "replayed/a/b"),
        (["replayed/{topic}"], "a/b", "replayed/a/b"),
        (["a/{topic}/b"], "x", "a/x/b"),
        (["a/# = b/#", "rest/{topic}"], "a/1", "b/1"),
        (["a/# = b/#", "rest/{topic}"], "c", "rest/c"),
        (["a = {topic}"], "a", "{topic}"),
        (["{topic}"], "a\n{topic}", "a\n{topic}"),
        ([], "a", "a"),
    ],
)
def test_rules(rules, topic, new):
    mapped = TopicMap(rules)
    assert [mapped(topic), mapped(topic)] == [new, new]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("replayed", "a rule such as"),
        ("{topic}/{topic}", "a rule such as"),
        ("{topic}/#", "a rule such as"),
        ("", "a rule such as"),
        ("a = b/+", "no more"),
        ("a/+ = b/#", "no more"),
        ("a = ", "expected levels"),
        ("# / a = b", "expected levels"),
    ],
)
def test_rules_that_make_no_sense(rule, says):
    with pytest.raises(TopicError, match=says):
        TopicMap([rule])


def test_a_rule_that_leaves_nothing_is_an_error_of_its_topic():
    with pytest.raises(TopicError, match="expected a topic for 'a', found ''"):
        TopicMap(["a/# = #"])("a")
    with pytest.raises(TopicError, match="expected a topic for"):
        TopicMap(["x/{topic}"])("a" * 65_534)


LEVEL = st.text("ab$", max_size=2)


@given(st.lists(LEVEL, min_size=1, max_size=4).filter(any))
def test_a_pair_and_its_reverse_give_the_topic_again(levels):
    topic = "/".join(["in", *levels])
    assert TopicMap(["out/# = in/#"])(TopicMap(["in/# = out/#"])(topic)) == topic
