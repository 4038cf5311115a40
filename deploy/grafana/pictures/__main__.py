"""Draws the dashboards into docs/images/dashboard-NAME.png: python -m deploy.grafana.pictures [--answers FILE].

Not screenshots of Grafana, of which none was at hand: drawn with matplotlib from what a real Prometheus answers to the
dashboards' own expressions, in their layout. With --answers FILE that already exists the same story is drawn again.
"""

import argparse
import json
from pathlib import Path

from deploy.grafana.pictures.asking import boards
from deploy.grafana.pictures.drawing import draw_board

IMAGES = Path(__file__).parents[3] / "docs" / "images"


def main() -> None:
    """Play the story, unless its answers are there already, and draw it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.pictures", description=__doc__)
    parser.add_argument("--answers", type=Path, help="where to keep what Prometheus answers, or where it is kept")
    parser.add_argument("--quiet-seconds", type=float, default=300.0, help="usual work before the worker dies")
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder of the pictures")
    options = parser.parse_args()
    if options.answers is not None and options.answers.exists():
        story = json.loads(options.answers.read_text())
    else:
        from deploy.grafana.pictures.story import told  # noqa: PLC0415 - drawing again needs no service

        story = told(options.quiet_seconds)
        if options.answers is not None:
            options.answers.write_text(json.dumps(story))
    for name, board in boards().items():
        draw_board(board, story, name, options.images / f"dashboard-{name}.png")


if __name__ == "__main__":
    main()
