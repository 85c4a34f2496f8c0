from contextlib import closing
from dataclasses import dataclass

import distributed
from joblib import Parallel, delayed, parallel_config

from simulation.runs.schedulers import _client


def numbered(call, index, item):
    return index, call(item)


@dataclass(frozen=True)
class DaskScheduler:
    address: str
    timeout: float = 10.0

    def outcomes(self, call, items):
        client = _client(distributed, self.address, self.timeout)
        with client, parallel_config(backend="dask", client=client):
            parallel = Parallel(n_jobs=-1, return_as="generator_unordered", batch_size=1)
            with closing(parallel(delayed(numbered)(call, i, x) for i, x in enumerate(items))) as arrived:
                yield from arrived
