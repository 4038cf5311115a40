"""What is decoded, what the client uploads from a folder, and what browsers show are formats of one list."""

import io

import pytest
from modicum.sources import npy
from modicum.sources.fitting import FORMATS
from modicum.sources.images import SUFFIXES
from modicum_server.transports.http.pages.pictures import media_type_of
from PIL import Image

#: By the ending of a file's name, its format.
FORMAT_OF = {suffix: Image.registered_extensions()[suffix] for suffix in SUFFIXES - {npy.SUFFIX}}
#: Browsers do not show these.
NOT_SHOWN = {"PPM", "TIFF"}


def test_the_client_takes_files_of_every_format_that_is_decoded_and_no_other():
    assert set(FORMAT_OF.values()) == set(FORMATS)


@pytest.mark.parametrize("suffix", sorted(FORMAT_OF))
def test_a_page_shows_what_browsers_do(suffix):
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, FORMAT_OF[suffix])

    shown = FORMAT_OF[suffix] not in NOT_SHOWN

    assert (media_type_of(file.getvalue()) == Image.MIME[FORMAT_OF[suffix]]) == shown
