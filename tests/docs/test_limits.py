"""The page of limits names every limit that can be set, with its default, and those that are fixed, as they are."""

from pathlib import Path

import pytest
from modicum_server.artifacts import files
from modicum_server.domain import pixel_subsets
from modicum_server.domain.controls import CONTROLS
from modicum_server.domain.searches import Control
from modicum_server.images.objects import MOST_BOXES, MOST_BOXES_BYTES, MOST_MASK_PIXELS
from modicum_server.logs import NO_MORE_FILES_SECONDS
from modicum_server.processes.file_limits import MOST_OPEN_FILES
from modicum_server.settings import Settings
from modicum_server.transports import refused_lines, token_lookups
from modicum_server.transports.call_limits import BOUNDS
from modicum_server.transports.grpc.server import (
    IDLE_SECONDS,
    LARGEST_REPLY_BYTES,
    LARGEST_REQUEST_BYTES,
    MOST_WAITING_CALLS,
)
from modicum_server.transports.http import connections
from modicum_server.transports.http.rest import protojson
from modicum_server.usecases import (
    artifacts,
    costs,
    datasets,
    manifests,
    objects,
    open_downloads,
    pages,
    rules,
    shares,
    specifications,
)

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "limits.md").read_text()
MEBIBYTE, KIBIBYTE = 1024**2, 1024
SET = sorted(name for name in Settings.model_fields if name.startswith("max_"))


@pytest.mark.parametrize("name", SET)
def test_the_page_names_every_limit_that_can_be_set_and_its_default(name):
    default = Settings.model_fields[name].default
    shown = f"{default // 1024**3} GiB" if "_bytes" in name else f"{default:,}"

    assert f"`MODICUM_{name.upper()}`, {shown}" in PAGE


@pytest.mark.parametrize(
    "line",
    [
        f"| a request | {LARGEST_REQUEST_BYTES // MEBIBYTE} MiB |",
        (
            f"| a reply | {LARGEST_REPLY_BYTES // MEBIBYTE} MiB; pages of lists are cut at "
            f"{pages.LARGEST_PAGE_BYTES // MEBIBYTE} MiB"
        ),
        f"| bytes in one message of an upload | {artifacts.LARGEST_MESSAGE_BYTES // MEBIBYTE} MiB |",
        f"| rows of a page | {pages.LARGEST_PAGE_SIZE:,} |",
        f"| digests asked for at once | {rules.MOST_DIGESTS:,} |",
        f"| boxes of an item | {MOST_BOXES:,}, in {MOST_BOXES_BYTES // KIBIBYTE} KiB of JSON |",
        f"| items of a data set that have boxes or a mask | {objects.MOST_ITEMS:,} |",
        f"| pixels of a mask picture, and so of its picture | {MOST_MASK_PIXELS:,}; a process decodes one at a time |",
        (
            f"for each version and search {costs.UNMEASURED_ITEMS} to {costs.MOST_ITEMS:,} images, fewer only where "
            f"the masks of so many take more than {costs.MOST_MASK_BYTES // MEBIBYTE} MiB"
        ),
        f"looked at as the data set is created | {objects.LARGEST_BYTES // MEBIBYTE} MiB |",
        f"read at once in an API process; policies, counted apart | {datasets.MANIFESTS_AT_ONCE} in all;",
        f"| a line of a manifest | {manifests.LONGEST_LINE_BYTES // KIBIBYTE} KiB |",
        f"| an item's path | {rules.LONGEST_ITEM_CHARACTERS:,} characters |",
        f"| a label, a class name | {rules.LONGEST_LABEL_CHARACTERS} characters |",
        f"| class names of a version | {rules.MOST_CLASS_LABELS:,} |",
        f"| versions of an audit, members of an ensemble | {rules.MOST_VERSIONS} |",
        f"| searches of an audit | {rules.MOST_SEARCHES} |",
        f"| controls of an audit | {rules.MOST_CONTROLS} |",
        f"| objects in a JSON body | {protojson.MOST_OBJECTS:,}; {protojson.MOST_COMMAS:,} commas |",
        (
            f"| sides of a canvas | {rules.LARGEST_SIDE_PIXELS:,} pixels; {rules.MOST_CANVAS_PIXELS:,} pixels, "
            f"{rules.MOST_CANVAS_VALUES:,} values in all |"
        ),
        (
            f"| gRPC calls at once in an API process | `MODICUM_MAX_WATCHERS` + {BOUNDS.spare_calls:,}, probes aside; "
            f"{MOST_WAITING_CALLS:,} more"
        ),
        (
            f"`MODICUM_MAX_WATCHERS_PER_PRINCIPAL` + {BOUNDS.spare_calls_of_principal:,}, and "
            f"`MODICUM_MAX_WATCHERS_PER_PROJECT` + {BOUNDS.spare_calls_of_project:,}. "
        ),
        f"exchanges of tokens), of an API process | {BOUNDS.tokenless_calls_of_address:,} of an address",
        f"calls by gRPC, by REST and of pages are counted apart | {token_lookups.MOST_WAITING}.",
        f"then they continue {token_lookups.FOUND_AT_ONCE} at a time",
        (
            f"send {open_downloads.PIECES_AT_ONCE} pieces of {files.SERVED_BYTES // KIBIBYTE} KiB in each round of the "
            f"event loop, and read {artifacts.GETS_OF_PROJECT} records at once"
        ),
        (
            "worked on at once in an API process | Calls that only read (Get, List): "
            f"{shares.READS_AT_ONCE} of a principal, {shares.READS_OF_PROJECTS_AT_ONCE} of all principals of the same "
            f"projects. Other calls: {shares.CHANGES_AT_ONCE} and {shares.CHANGES_OF_PROJECTS_AT_ONCE}. "
            f"Of each kind, {shares.CALLS_WAITING} more wait"
        ),
        f"with its watches | `MODICUM_MAX_WATCHERS_PER_PRINCIPAL` + {BOUNDS.spare_calls_of_connection} | wait",
        (
            f"that comes after the response, such as a refusal | {connections.UNWANTED_BYTES // KIBIBYTE} KiB, then "
            f"{BOUNDS.unwanted_bytes_per_second // MEBIBYTE:.0f} MiB a second of all in an API process together "
            f"| read slowly. The connection is closed after {connections.UNWANTED_SECONDS:.0f} s where"
        ),
        f"if more than {BOUNDS.refused_calls:,} must be refused at once",
        f"| open gRPC connections of an API process | `MODICUM_MAX_WATCHERS` + {BOUNDS.spare_connections:,}, at most ",
        (
            f"| a gRPC connection | {BOUNDS.handshake_seconds:.0f} s until it speaks HTTP/2 (and TLS); "
            f"{IDLE_SECONDS // 60} min "
        ),
        f"| open HTTP connections of an API process | `MODICUM_MAX_WATCHERS` + {BOUNDS.spare_connections:,}, ",
        (
            f"| head of an HTTP request | {connections.LARGEST_HEAD_BYTES // KIBIBYTE} KiB, "
            f"within {BOUNDS.head_seconds:.0f} s"
        ),
        f"| {connections.IDLE_SECONDS} s after a response, {BOUNDS.head_seconds:.0f} s before the first request |",
        f"| an HTTP response that its caller does not read | {BOUNDS.stuck_seconds:.0f} s |",
        f"{MOST_OPEN_FILES:,} at most | the log says so once in {NO_MORE_FILES_SECONDS:.0f} s",
        (
            f"broken off, in an API process, by gRPC, by REST and of pages apart | {refused_lines.MOST_LINES} a minute "
            f"of a principal or, without a token, of an address; those of more than {refused_lines.MOST_CALLERS} "
        ),
        f"| pixels of a canvas with `pixel_subsets` | {pixel_subsets.MOST_PIXELS:,} |",
        f"| passes of `backselect` on one image | {specifications.MOST_BACKSELECT_PASSES:,} |",
        f"| passes of `pixel_subsets` | {pixel_subsets.FEWEST_PASSES} to 2^40 |",
        (
            "| passes of `fill_robust`, of `class_targeted` | "
            f"{CONTROLS[Control.FILL_ROBUST].least_passes} or more; "
            f"{CONTROLS[Control.CLASS_TARGETED].least_passes} to 2^40 |"
        ),
        f"| level of the intervals | {rules.RULES['level'].text} |",
        f"| alpha | {rules.RULES['alpha'].text} |",
        (
            f"| limits of the ensemble check | the ratio of sizes {rules.RULES['ratio_limit'].text}, "
            f"the change of accuracy {rules.RULES['accuracy_limit'].text} (a share) |"
        ),
        f"| a filter | {rules.LONGEST_FILTER_CHARACTERS:,} characters |",
    ],
)
def test_the_page_tells_what_is_fixed_as_it_is(line):
    assert line in " ".join(PAGE.split())  # a sentence of the page may go over several lines
