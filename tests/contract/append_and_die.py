"""A process that appends one commit after another until it is killed; it tells what returned.

Run as `python append_and_die.py ADAPTER FOLDER`, with this folder and the rooms on PYTHONPATH. A
line of the output is the number of a commit that has returned: commit k holds two readings of its
own, a correction of reading 0, a refusal and a key.
"""

import sys
from pathlib import Path

from store_adapters import ADAPTERS, Row, commit, named, refusal

from ingest.device import Device


def work(name: str, folder: str) -> None:
    """Append until death."""
    store = next(one for one in ADAPTERS if one.name == name).open(Path(folder))
    (number,) = named(store, "d")
    k = store.last_commit()
    while True:
        k += 1
        rows = [Row(number, 0, float(k)), Row(number, 2 * k, 1.0), Row(number, 2 * k + 1, 2.0)]
        store.append(
            commit(
                rows,
                refusals=[refusal(b"%d" % k)],
                keys=[b"%016d" % k],
                devices=[Device("d", state={"k": k})],
            )
        )
        print(k, flush=True)


if __name__ == "__main__":
    work(*sys.argv[1:])
