"""Reports are tested on the example audits of the measures' tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "measures"))
