"""The result of an audit: its document and its findings, typed. Computes nothing; the document is the truth."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from modicum.comparisons import Comparison, Mitigation, Transfer, comparison_of, mitigation_of, transfer_of
from modicum.counterfactuals import CounterfactualTest, counterfactual_of
from modicum.errors import ServiceError
from modicum.findings import Finding, Findings, class_name, findings_of
from modicum.frames import findings_frame, measures_frame
from modicum.gate.result_schema import SCHEMA_VERSIONS, versions_in_words
from modicum.measures import Measure, measures_of
from modicum.notebooks.results import result_card
from modicum.plots import result_figure
from modicum.resource_names import short_version

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: Measures that are only half the truth, with what must stand beside them.
BESIDE = {"overinterpretation_rate": {"class-targeted": "overinterpretation_rate_class_targeted"}}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the results of a control amount to, in words. `outcome` is for programs."""

    control: str
    text: str
    outcome: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Measures of one version under one search. `search` is the document's entry: method, threshold, fill, ...

    `gradient_free`: the version has no useful gradient, and was searched by forward passes alone.
    """

    search: Mapping[str, Any]
    measures: Mapping[str, Measure]
    readings: tuple[Reading, ...]
    counts: Mapping[str, int]
    gradient_free: bool

    @property
    def threshold(self) -> float:
        """The confidence that counts as sufficient."""
        return float(self.search["threshold"])

    def measure(self, name: str) -> Measure:
        """The measure of that name; one that the document lacks is unavailable."""
        absent = Measure(name=name, value=None, unit="", n=0, unavailable="not in this result")
        return self.measures.get(name, absent)


@dataclass(frozen=True, slots=True)
class ModelResult:
    """What came of one version. The properties read its first search for the predicted class; `searches` has all.

    `stamp` is what must be said wherever the version is named: "inference only" of input dropout, "endpoint" of a model
    that is served elsewhere. `summary` is what was found, how sure that is and what to do next, in a few sentences;
    older documents have none. `class_labels` are the names of its classes in the order of its outputs; empty if it has
    none. `endpoint` is the name of the operator's entry; empty for every other model.
    """

    model_version: str
    digest: str
    searches: tuple[SearchResult, ...]
    stamp: str = ""
    summary: tuple[str, ...] = ()
    class_labels: tuple[str, ...] = ()
    endpoint: str = ""

    @property
    def first(self) -> SearchResult:
        """The first search that argued for the predicted class; where there was none, the first."""
        predicted = (one for one in self.searches if one.search.get("target_rule", "predicted") == "predicted")
        return next(predicted, self.searches[0])

    @property
    def overinterpretation_rate(self) -> Measure:
        """Share of the searched images with a verified subset of at most alpha of the pixels."""
        return self.first.measure("overinterpretation_rate")

    @property
    def accuracy(self) -> Measure:
        """Share of the labelled images that are predicted correctly."""
        return self.first.measure("accuracy")

    @property
    def eligible_share(self) -> Measure:
        """Share of the images whose predicted class reaches the threshold."""
        return self.first.measure("eligible_share")

    @property
    def subset_fraction_median(self) -> Measure:
        """Median of kept pixels / pixels."""
        return self.first.measure("subset_fraction_median")

    @property
    def border_share_median(self) -> Measure:
        """Median share of the subset's pixels that lie in the ring at the canvas' edge."""
        return self.first.measure("border_share_median")

    @property
    def object_share_median(self) -> Measure:
        """Median share of the subset's pixels that lie in the objects, where the data set has boxes or masks."""
        return self.first.measure("object_share_median")

    @property
    def shortcut_accuracy_drop(self) -> Measure:
        """What filling the ring, or all that lies outside the objects, costs of accuracy."""
        return self.first.measure("shortcut_accuracy_drop")

    @property
    def shortcut_accuracy_excess(self) -> Measure:
        """What that costs beyond filling a band further in, or the objects."""
        return self.first.measure("shortcut_accuracy_excess")

    @property
    def pixel_subsets_accuracy(self) -> Measure:
        """Accuracy on the 5% of the pixels that a search chose; where the pixel-subsets control ran."""
        return self.first.measure("pixel_subsets_accuracy")

    @property
    def confidence_curve(self) -> tuple[Mapping[str, float | None], ...]:
        """The mean confidence over the share of pixels kept: `kept_share`, `confidence`, and its ends `low` and `high`.

        Rising by the kept share; empty where the pixel-subsets control did not descend by batched_gradient.
        """
        return tuple(self.first.measure("pixel_subsets_confidence_mean").parameters.get("curve", ()))

    @property
    def shortcut(self) -> str:
        """SHORTCUT, NONE_SEEN or INCONCLUSIVE by the shortcut rule; empty where its control did not run.

        In results of schema 1 and 2, SHORTCUT is a loss that was not compared with another fill. A result of schema 1
        has CLEAR instead of NONE_SEEN, by a rule that also asked where the subsets lie.
        """
        return self._outcome("shortcut")

    @property
    def spot(self) -> str:
        """SHORTCUT, DECISIVE, SUFFICIENT, NONE_FOUND or INCONCLUSIVE by the spot test; empty where it did not run."""
        return self._outcome("spot")

    @property
    def counterfactual(self) -> str:
        """ACCURACY_FALLS, ACCURACY_HOLDS or INCONCLUSIVE by the counterfactual set; empty without one."""
        return self._outcome("counterfactual")

    def _outcome(self, control: str) -> str:
        return next((one.outcome for one in self.first.readings if one.control == control), "")


@dataclass(frozen=True, slots=True)
class Result:
    """The result document as it came, and what is in it: models in the audit's order, findings in the rows' order.

    `comparisons` are of every pair of models under every search, `mitigation` of every ensemble with its members,
    `transfer` of every model's subsets with every other model, where that control ran, `counterfactuals` of every model
    on the counterfactual data set, where there is one.
    """

    document: Mapping[str, Any] = field(repr=False)
    models: tuple[ModelResult, ...]
    findings: tuple[Finding, ...] = field(repr=False)
    comparisons: tuple[Comparison, ...] = ()
    mitigation: tuple[Mitigation, ...] = ()
    transfer: tuple[Transfer, ...] = ()
    counterfactuals: tuple[CounterfactualTest, ...] = ()

    def called(self, model_version: str) -> str:
        """The version's name for people, with its stamp where it has one: robust/1 (inference only)."""
        stamps = {model.model_version: model.stamp for model in self.models}
        stamp = stamps.get(model_version, "")
        return f"{short_version(model_version)} ({stamp})" if stamp else short_version(model_version)

    def class_name(self, model_version: str, index: int | None) -> str:
        """The name of a class of a version, or "class 7" where the version names none; empty where `index` is None."""
        labels = next((one.class_labels for one in self.models if one.model_version == model_version), ())
        return class_name(labels, index)

    def to_pandas(self) -> "pd.DataFrame":
        """The findings as a table of pandas, a row for each. A number that there is not is NA or NaN, a text empty.

        The columns, in this order:

        * item, position, image_digest: which image; position is its place among the audit's
        * model_version, search_index: which version, by its resource name, and which of its searches, from 0
        * label, predicted_class, target_class: the true class, the predicted one, and the one that the search argued
          for, by number; after each its name (label_name, predicted_class_name, target_class_name)
        * eligible, baseline_confident: whether the image was searched, and whether the bare fill alone suffices
        * confidence, margin: those of the target class on the whole image: a probability, 0 to 1, and log-odds
        * subset_size, subset_fraction: kept pixels, and kept pixels / pixels
        * subset_height, subset_width: the size of the mask in pixels
        * verified_confidence: the confidence on the subset alone, 0 to 1
        * reason: why there is no subset, e.g. NOT_ELIGIBLE
        * budget_exhausted, saturated: whether the budget ended before the search did, and whether probabilities leave
          no room for a comparison
        * passes_forward, passes_backward: passes of the search
        * class_targeted_found, class_targeted_size: whether the same search found a subset for a random other class,
          and its pixels; NA where that control did not run

        Raises:
            InvalidArgument: pandas is not installed (PANDAS_NOT_INSTALLED): run pip install pandas.
        """
        return findings_frame(self)

    def measures_to_pandas(self) -> "pd.DataFrame":
        """The measures as a table of pandas: a row for each version, search and measure, and one for each class of it.

        The columns, in this order:

        * model_version, search_index, threshold: which version, which of its searches, from 0, and the confidence that
          counts as sufficient there
        * measure, title: the measure's name in the result document, and in words
        * class, class_name: the class by number and name; NA and empty for all classes together
        * value, unit, n: the number in its unit (a share is 0 to 1), and the number of images behind it
        * interval_low, interval_high, interval_level, interval_method: the interval in the same unit; NaN and empty
          where there is none, and an end that is open is NaN
        * unavailable: why there is no value

        Raises:
            InvalidArgument: pandas is not installed (PANDAS_NOT_INSTALLED): run pip install pandas.
        """
        return measures_frame(self)

    def plot(self) -> "Figure":
        """Draw how many pixels suffice: for each version the share of its subsets up to each size, in its first search.

        Dashed: the same for a random other class. Dotted: alpha. The figure is not shown by itself: a notebook shows it
        as the value of a cell, and `figure.savefig("a.png")` writes it.

        Raises:
            InvalidArgument: there is no subset (NOTHING_TO_PLOT), or matplotlib is not installed
                (MATPLOTLIB_NOT_INSTALLED): run pip install matplotlib.
        """
        return result_figure(self)

    def _repr_html_(self) -> str:
        return result_card(self)


def document_of(data: bytes) -> Mapping[str, Any]:
    """The result document in `data`.

    Raises:
        ServiceError: it is of a schema that this client does not read.
    """
    document: Mapping[str, Any] = json.loads(data)
    if document.get("schema_version") not in SCHEMA_VERSIONS:
        raise ServiceError(
            f"the result is of schema {document.get('schema_version')!r}, this client reads {versions_in_words()}; "
            "install a modicum that fits the server",
            reason="SCHEMA_UNKNOWN",
        )
    return document


def result_of(document: Mapping[str, Any], findings_artifact: bytes) -> Result:
    """The result in a document and the findings artifact that it names."""
    models = models_of(document)
    labels = {model.model_version: model.class_labels for model in models}
    findings = (replace(one, class_labels=labels.get(one.model_version, ())) for one in findings_of(findings_artifact))
    comparisons = tuple(map(comparison_of, document.get("comparisons", ())))
    mitigation = tuple(map(mitigation_of, document.get("mitigation", ())))
    transfer = tuple(map(transfer_of, document.get("transfer", ())))
    return Result(
        document,
        models,
        Findings(findings),
        comparisons,
        mitigation,
        transfer,
        tuple(map(counterfactual_of, document.get("counterfactuals", ()))),
    )


def models_of(document: Mapping[str, Any]) -> tuple[ModelResult, ...]:
    """What came of each version, in the order of the audit. Takes no findings."""
    return tuple(
        ModelResult(
            entry["model_version"],
            entry["digest"],
            tuple(map(_search_result, entry["searches"])),
            entry.get("stamp", ""),
            tuple(entry.get("summary", ())),
            tuple(entry.get("class_labels", ())),
            (entry.get("endpoint") or {}).get("name", ""),
        )
        for entry in document["models"]
    )


def _search_result(entry: Mapping[str, Any]) -> SearchResult:
    measures = measures_of(entry["measures"])
    for name, labels in BESIDE.items():
        if name in measures:
            beside = {label: measures[other] for label, other in labels.items() if other in measures}
            measures[name] = replace(measures[name], beside=beside)
    readings = tuple(
        Reading(reading["control"], reading["text"], reading.get("outcome", "")) for reading in entry["readings"]
    )
    return SearchResult(entry["search"], measures, readings, entry["counts"], entry.get("gradient_free", False))
