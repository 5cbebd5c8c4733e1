"""A JavaScript codec that costs too much is paused, and costs no more than a share of the time."""

import sys
from pathlib import Path

import pytest
from script_bench import RECV, uplink

from ingest.codecs import dialect
from ingest.codecs.sandbox import STOPS_MAX, Codec
from ingest.codecs.script import Answer, Job, Script, ScriptHost

# 66: a loop that the engine stops; 67: one that it can't stop; anything else is answered
CODEC = """function Decoder(bytes, port) {
  while (bytes[0] === 66);
  if (bytes[0] === 67) [].reverse.call({length: 2 ** 53 - 1});
  return {n: bytes[0]};
}"""
OTHER = "function Decoder(bytes, port) { return {n: bytes[0]} }"
WORDS = "paused for 60 s"


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


def _host(clock, **limits):
    scripts = {"bad": Script("bad", CODEC), "good": Script("good", OTHER)}
    return ScriptHost(scripts, clock=clock, **limits)


def _told(host, *jobs):
    found = host.run([Job(name, bytes([byte]), 1, RECV) for name, byte in jobs])
    return [one.data["n"] if isinstance(one, Answer) else str(one) for one in found]


def test_a_script_that_hangs_now_and_then_is_paused_too():
    """Good answers in between don't buy the time back."""
    clock = Clock()
    host = _host(clock, silence_s_max=0.3, lost_s_max=0.8)
    try:
        told = [_told(host, ("bad", byte))[0] for byte in (67, 1) * 5]
        assert ["hangs" in str(one) for one in told[:6]] == [True, False] * 3
        assert told[1:5:2] == [1, 1]
        assert all(WORDS in str(one) for one in told[5:]), told
        assert _told(host, ("good", 2)) == [2]
        clock.now_s += 61
        assert _told(host, ("bad", 1)) == [1]
    finally:
        host.close()


def test_a_stop_now_and_then_is_forgotten():
    clock = Clock()
    host = _host(clock, lost_s_max=0.3)
    try:
        for _ in range(6):
            assert "not done within 50 ms" in _told(host, ("bad", 66))[0]
            clock.now_s += 10
        assert _told(host, ("bad", 1)) == [1]
    finally:
        host.close()


def test_a_script_that_is_stopped_often_is_not_run_again_in_the_frame():
    host = _host(Clock())
    try:
        told = _told(host, *[("bad", 66), ("bad", 1)] * (STOPS_MAX + 5), ("good", 2))
    finally:
        host.close()
    assert sum("not done within" in str(one) for one in told) == STOPS_MAX
    assert WORDS in told[-2]
    assert told[-1] == 2


def test_what_promises_leave_to_be_done_does_not_pile_up():
    """Nothing ever does it; a context that is kept would keep it too."""
    later = "Promise.resolve(new Array(1000)).then(() => 1);"
    for source in (
        f"function Decoder(b) {{ {later} return {{n: 1}} }}",
        "async () => 1;" + uplink("1"),
    ):
        codec = Codec(dialect.told(source))
        assert codec.run(b"", 1, "", "").startswith('{"data"')
        assert codec.call is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_of_scripts_can_open_no_file():
    host = _host(Clock())
    try:
        assert _told(host, ("good", 2)) == [2]
        limits = Path(f"/proc/{host._worker._process.pid}/limits").read_text()
    finally:
        host.close()
    row = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    assert row.split()[3:5] == ["3", "3"]
