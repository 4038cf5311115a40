"""What a reader parses in one go: sentences, and how many intervals they hold."""

import re

END = re.compile(r"(?<=[.!?])\s+")
NUMBER = r"(?:open|-?\d[\d.,]*%?)"
INTERVAL = re.compile(rf"(?<!from )(?<!\d)(?<!\.){NUMBER} to (?:> ?)?{NUMBER}(?! other)")
"""Not what something goes from and to, nor how many other images were the fill."""


def crowded(text: str) -> list[str]:
    """The sentences of a text that hold more than one interval."""
    return [sentence for sentence in END.split(text) if len(INTERVAL.findall(sentence)) > 1]
