"""Random faults on one stage while audits run: `python -m tests.faults.soak --seconds N --seed N`.

It prints its seed first. The same seed draws the same faults in the same order, with the same choices in each. It
ends at the first invariant that fails, with the seed in the message.
"""

import argparse
import random
import secrets
import sys
from collections import Counter
from time import monotonic

from tests.faults.fault import Fault, Reference, play
from tests.faults.invariants import check
from tests.faults.reference import undisturbed
from tests.faults.stage import Stage, stage
from tests.faults.table import FAULTS, SIGNS
from tests.faults.traffic import Traffic


def soak(seconds: float, seed: int) -> Counter[str]:
    """Play random faults for this time. Return how often each was played.

    Raises:
        SystemExit: an invariant does not hold.
        Exception: an audit of the other project failed.
    """
    drawn, played, slowest = random.Random(seed), Counter[str](), 0.0
    print(f"soak: seed {seed}, {seconds:.0f} s, {len(FAULTS)} faults to draw from", flush=True)
    with stage() as playing:
        reference = undisturbed(playing, SIGNS)
        with Traffic(playing, reference).running() as traffic:
            end = monotonic() + seconds
            while monotonic() < end:
                fault, trial_seed = drawn.choice(FAULTS), drawn.randrange(2**31)
                took = _play_one(playing, traffic, fault, trial_seed, reference, after=played, seed=seed)
                played[fault.name] += 1
                slowest = max(slowest, took)
                print(f"{sum(played.values()):4d}  {fault.name}: ended {took:.1f} s after the fault", flush=True)
    print(f"soak: seed {seed}: {sum(played.values())} faults, {traffic.audits} audits beside, slowest {slowest:.1f} s")
    return played


def _play_one(
    playing: Stage,
    traffic: Traffic,
    fault: Fault,
    trial_seed: int,
    reference: Reference,
    *,
    after: Counter[str],
    seed: int,
) -> float:
    try:
        trial = play(playing, fault, trial_seed, reference)
        with traffic.paused():
            check(trial)
    except Exception as failure:
        message = f"soak failed: seed {seed}, fault {sum(after.values()) + 1} ({fault.name}, its seed {trial_seed})"
        raise SystemExit(f"{message}: {failure!r}") from failure
    return trial.took_seconds


def main() -> None:
    """Parse the command line and run the soak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="how long to play")
    parser.add_argument("--seed", type=int, default=None, help="seed of all random choices; default: a random one")
    given = parser.parse_args(sys.argv[1:])
    for name, count in sorted(
        soak(given.seconds, secrets.randbelow(10**6) if given.seed is None else given.seed).items()
    ):
        print(f"{count:4d}  {name}")


if __name__ == "__main__":
    main()
