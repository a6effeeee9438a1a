"""Computing dask tasks: by threads, by processes, or by a dask.distributed cluster.

The tasks are the same everywhere. The machines of a cluster must see the same files.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import Any

from dask.base import compute
from dask.delayed import Delayed

from pipeline.runtime.errors import InputError

WAITING = 256
"""Tasks handed out at once: enough for many workers, few enough to hold in memory."""
TIMEOUT = "10s"
"""Time within which a scheduler must answer."""
_Compute = Callable[[Sequence[Delayed]], Sequence[Any]]


def computed(tasks: Iterable[Delayed], where: str, threads: int) -> Iterator[Any]:
    """Yield the results of tasks, in the order of the tasks.

    `where` is `threads`; `processes`, a cluster on this machine; or the address of a scheduler,
    such as `tcp://10.0.0.1:8786`. `threads` counts threads or processes of this machine.

    Raises:
        InputError: No scheduler answers at the address.
    """
    remaining = iter(tasks)
    with _computing(where, threads) as compute_all:
        while batch := list(islice(remaining, WAITING)):
            yield from compute_all(batch)


@contextmanager
def _computing(where: str, threads: int) -> Iterator[_Compute]:
    if where == "threads":
        yield lambda batch: compute(*batch, scheduler="threads", num_workers=threads)  # type: ignore[no-untyped-call]
        return
    distributed: Any = import_module("distributed")  # seconds that threads need not wait
    if where == "processes":
        workers = {"n_workers": threads, "threads_per_worker": 1, "dashboard_address": None}
        with distributed.LocalCluster(**workers) as here, distributed.Client(here) as client:
            yield lambda batch: client.gather(client.compute(batch))
        return
    try:
        client = distributed.Client(where, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{where}: no dask scheduler answers ({error}); start one with `dask scheduler`, or "
            "choose `threads` or `processes`"
        ) from None
    with client:
        yield lambda batch: client.gather(client.compute(batch))
