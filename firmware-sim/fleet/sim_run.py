"""A simulation on its way to a broker, a file or nowhere, with its truth written beside it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from fleet.message import SECOND_NS, Message
from fleet.scenario import load, shipped
from fleet.simulation import Simulation
from fleet.truth import TruthWriter


class Run:
    """A scenario that is run once; what it made is counted while it goes.

    truth     folder for the truth, new or empty; None: it is not written
    progress  told the share of the time that is simulated, and how many messages were made
    """

    def __init__(
        self,
        name: str,
        *,
        start_ns: int | None = None,
        seed: int | None = None,
        truth: Path | None = None,
        progress: Callable[[float, int], None] | None = None,
    ) -> None:
        """Build the town. Errors: ScenarioError; TruthError for a folder that is not empty."""
        scenario = load(name)
        if seed is not None:
            scenario = replace(scenario, seed=seed)
        self.simulation = Simulation(scenario, start_ns)
        self._progress = progress
        self.made = self.samples = self.lost = 0
        self._facts: dict[str, object] = {
            "scenario": name,
            "title": scenario.title,
            "seed": scenario.seed,
            "start_ns": self.simulation.start_ns,
            "end_ns": self.simulation.end_ns,
        }
        self._truth = None if truth is None else TruthWriter(truth, text_of(name), self._facts)
        if self._truth is not None:
            self._truth.devices(self.simulation.devices())
            self._truth.channels(self.simulation.channels())
            self._truth.faults(self.simulation.fault_rows())

    @property
    def expected(self) -> int:
        """About how many messages it will make."""
        length_s = (self.simulation.end_ns - self.simulation.start_ns) / SECOND_NS
        return int(self.simulation.per_second * length_s)

    def messages(self) -> Iterator[Message]:
        """Yield every message in the order of sending; its truth is written before it is sent."""
        begin, end = self.simulation.start_ns, self.simulation.end_ns
        for batch in self.simulation.batches():
            for rows in batch.samples:
                self.samples += len(rows.device)
                self.lost += int((rows.copies == 0).sum())
                if self._truth is not None:
                    self._truth.samples(
                        rows.device, rows.channel, rows.time_ns, rows.stated_ns,
                        rows.true, rows.sent, rows.copies, rows.fault,
                    )  # fmt: skip
            if self._truth is not None:
                for energy in batch.energy:
                    self._truth.energy(
                        energy.device, energy.direction, energy.start_ns,
                        energy.true, energy.metered,
                    )  # fmt: skip
            self.made += len(batch.messages)
            if self._progress is not None:
                self._progress((batch.end_ns - begin) / (end - begin), self.made)
            yield from batch.messages

    def discard(self) -> None:
        """Remove the truth of a run of which nothing was sent, so that the next can have it."""
        if self._truth is not None:
            self._truth.discard()

    def finish(self) -> Mapping[str, object]:
        """Close the truth and return the facts of the run; call it when all was yielded."""
        self._facts |= {"messages": self.made, "samples": self.samples, "lost": self.lost}
        if self._truth is not None:
            self._truth.close(self._facts)
        return self._facts


def text_of(name: str) -> str:
    """Return the text of a scenario, shipped or a file, as it is kept beside the truth."""
    known = shipped()
    return known[name] if name in known else Path(name).read_text(encoding="utf-8")


@contextmanager
def cleared(path: Path) -> Iterator[None]:
    """Remove a file that was only begun when something goes wrong."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
