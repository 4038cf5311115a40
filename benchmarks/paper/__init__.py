"""The paper's own table, on CIFAR-10 data and networks from the outside data folder: `make bench PART=paper`.

Every figure is one of the service's measures with its interval. An interval and a rule decide every comparison with
the paper, in `directions`. Results are written after each step, so that an interrupted run keeps what it measured. The
slowest part (`descent`) is cached. No distribution contains this package.
"""
