"""The wall time of jobs on some cores: a simulation of their order."""

import heapq
from collections.abc import Mapping, Sequence

from supernet.audit.dry_run import PlannedJob


def wall_seconds(jobs: Sequence[PlannedJob], seconds: Mapping[str, float], workers: int) -> float:
    """Return the wall time of jobs that take one of `workers` cores each and wait for the jobs that make their inputs.

    `seconds` are those of a job by its first output; others take none. Of the jobs that can start, the one before the
    longest chain of jobs is started first.
    """
    makers = {path: job.outputs[0] for job in jobs for path in job.outputs}
    needs = {job.outputs[0]: {makers[path] for path in job.inputs if path in makers} for job in jobs}
    users: dict[str, list[str]] = {name: [] for name in needs}
    for name, needed in needs.items():
        for one in needed:
            users[one].append(name)
    chains = _chains(users, seconds)
    left = {name: len(needed) for name, needed in needs.items()}
    ready = [(-chains[name], name) for name, count in left.items() if not count]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            _, name = heapq.heappop(ready)
            heapq.heappush(running, (now + seconds.get(name, 0.0), name))
        now, name = heapq.heappop(running)
        for user in users[name]:
            left[user] -= 1
            if not left[user]:
                heapq.heappush(ready, (-chains[user], user))
    return now


def _chains(users: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of each job with the longest chain of jobs after it."""
    chains: dict[str, float] = {}
    for start in users:
        # Without recursion: a chain of jobs can be longer than Python's stack.
        todo = [start]
        while todo:
            name = todo[-1]
            if waiting := [user for user in users[name] if user not in chains]:
                todo += waiting
            else:
                chains[todo.pop()] = seconds.get(name, 0.0) + max((chains[user] for user in users[name]), default=0.0)
    return chains
