"""How fast JavaScript codecs run: `pytest tests/bench/bench_script.py`.

The aim is 60,000 uplinks a second on one core through a kept context, batch by batch, against a
new engine for each message in the same run, which is how isolation is usually bought.
"""

import json

import pytest
import quickjs

from ingest.codecs.script import Answer, Job, Script, ScriptHost

BATCH = 400
CODEC = """
function decodeUplink(input) {
  var b = input.bytes, data = {}, i = 0;
  while (i < b.length) {
    switch (b[i++]) {
      case 1: data.temperature = ((b[i] << 24 >> 16) | b[i + 1]) / 10; i += 2; break;
      case 2: data.humidity = b[i++]; break;
      case 4: data.light = (b[i] << 8) | b[i + 1]; i += 2; break;
      case 5: data.motion = b[i++]; break;
      case 6: data.co2 = (b[i] << 8) | b[i + 1]; i += 2; break;
      case 7: data.vdd = (b[i] << 8) | b[i + 1]; i += 2; break;
      default: return {errors: ["unknown type"]};
    }
  }
  return {data: data};
}
"""
PAYLOAD = bytes.fromhex("0100e2022904002705060603080708f8")
WANTED = {"temperature": 22.6, "humidity": 41, "light": 39, "motion": 6, "co2": 776, "vdd": 2296}


@pytest.mark.benchmark(group="script")
def test_kept_context(benchmark):
    """Run batches through the worker process, there and back."""
    host = ScriptHost({"elsys": Script("elsys", CODEC)})
    jobs = [Job("elsys", PAYLOAD, 5, "2026-06-01T12:00:00.123456789Z")] * BATCH
    try:
        answers = benchmark.pedantic(host.run, args=(jobs,), rounds=30, warmup_rounds=3)
    finally:
        host.close()
    assert all(isinstance(one, Answer) and one.data == WANTED for one in answers)
    benchmark.extra_info["uplinks_per_s"] = round(BATCH / benchmark.stats.stats.median)


@pytest.mark.benchmark(group="script")
def test_fresh_context_for_each_message(benchmark):
    """Run one message in a new engine, in this process: the peer."""

    def run() -> dict:
        context = quickjs.Context()
        context.eval(CODEC)
        asked = json.dumps({"bytes": list(PAYLOAD), "fPort": 5})
        return json.loads(context.eval(f"JSON.stringify(decodeUplink({asked}).data)"))

    assert benchmark(run) == WANTED
    benchmark.extra_info["uplinks_per_s"] = round(1 / benchmark.stats.stats.median)
