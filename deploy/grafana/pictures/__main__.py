"""Draws the dashboards into docs/images/dashboard-NAME.png: python -m deploy.grafana.pictures [--answers FILE].

The pictures are not screenshots of Grafana. matplotlib draws them in the dashboards' layout, from the results of the
dashboards' own expressions in a real Prometheus. If --answers FILE exists, its recorded story is drawn again.
"""

import argparse
import json
from pathlib import Path

from deploy.grafana.pictures.drawing import draw_board
from deploy.grafana.pictures.queries import boards

IMAGES = Path(__file__).parents[3] / "docs" / "images"


def main() -> None:
    """Run the story, unless its results are recorded, and draw it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.pictures", description=__doc__)
    parser.add_argument("--answers", type=Path, help="file of Prometheus' results; read if it exists, else written")
    parser.add_argument("--quiet-seconds", type=float, default=300.0, help="usual work before the worker dies")
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder of the pictures")
    options = parser.parse_args()
    if options.answers is not None and options.answers.exists():
        story = json.loads(options.answers.read_text())
    else:
        from deploy.grafana.pictures.story import recorded  # noqa: PLC0415 - drawing again needs no service

        story = recorded(options.quiet_seconds)
        if options.answers is not None:
            options.answers.write_text(json.dumps(story))
    for name, board in boards().items():
        draw_board(board, story, name, options.images / f"dashboard-{name}.png")


if __name__ == "__main__":
    main()
