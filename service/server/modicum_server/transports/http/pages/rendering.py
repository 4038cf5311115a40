"""Renders templates. Whatever stands in a variable is escaped; a name that a template misses is an error."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from modicum.gate.counting import counted
from modicum.gate.rendering import words as gate_words
from modicum.gate.verdict import class_words

from modicum_server.measures.number_words import confidence_text, share_text
from modicum_server.transports.http.pages import review_words, words
from modicum_server.transports.http.pages.assets import asset
from modicum_server.usecases.standing_verdicts import later_line
from modicum_server.usecases.verdict_lines import found_line

Filters = Mapping[str, Callable[..., Any]]


def all_filters(of_reviews: Filters = review_words.FILTERS) -> Filters:
    """Return the filters by the name that templates use.

    Raises:
        TypeError: a name is given twice, here or in those of reviews.
    """
    return dict(
        **of_reviews,
        acting_in=words.acting_in,
        id=words.id_of,
        label=words.label_of,
        element_id=words.element_id,
        in_class=class_words,
        counted=counted,
        day=words.day,
        moment=words.moment,
        span=words.span,
        decimal=words.decimal,
        confidence=confidence_text,
        percent=share_text,
        amount=words.amount,
        apart=words.apart,
        reach=words.reach,
        first_sentence=words.first_sentence,
        lower_first=words.lower_first,
        sentence=words.sentence,
        found_line=found_line,
        later_line=later_line,
        rule_line=gate_words.rule_line,
        tested=gate_words.tested,
        figure=gate_words.figure,
    )


def rendered(template: str, **shown: Any) -> str:
    """Return a template with its values."""
    return _environment().get_template(template).render(**shown)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("modicum_server.transports.http.pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(asset=asset, model_command=words.model_command)
    environment.filters.update(all_filters())
    return environment
