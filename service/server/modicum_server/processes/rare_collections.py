"""The garbage collector of a process that serves calls: a full collection holds up every call, so there are few.

A full collection looks at every object that has lived for a while. Nearly all memory is freed without the collector,
when its last reference goes; what it frees are cycles, and most of those are young.
"""

import gc

#: Objects that are new before young ones are looked at, such collections before a middle one, and middle ones before a
#: full one. Python's own are 700, 10 and 10.
THRESHOLDS = (2_000, 10, 20)


def collect_rarely() -> None:
    """Make full collections rare, and leave out of all what has been imported and started so far."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
