"""The paper's own table, on the CIFAR-10 data and networks of the folder of outside data: `make bench PART=paper`.

Every figure is one of the service's measures, with its interval; every comparison with the paper is decided by an
interval and a rule, in `directions`. Results are written after each of the steps, so that a run that is cut off leaves
what it has measured. What takes longest (`descent`) is kept in a cache. Nothing here is shipped.
"""
