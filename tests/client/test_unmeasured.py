"""An audit of which no image could be measured is refused, and the message says why."""

from types import SimpleNamespace

import pytest
from modicum.cli.audit import refuse_unmeasured
from modicum.errors import DataRefused


def result_of(*failed, images):
    findings = [SimpleNamespace(item=item, reason=reason) for item, reason in failed]
    search = SimpleNamespace(counts={"images": images, "failed": len(failed)})
    return SimpleNamespace(models=[SimpleNamespace(searches=[search])], findings=findings)


def test_it_names_each_reason_with_its_images():
    failed = [*((f"{number}.png", "IMAGE_UNREADABLE") for number in range(7)), ("big.png", "IMAGE_TOO_LARGE")]

    with pytest.raises(DataRefused) as refused:
        refuse_unmeasured(result_of(*failed, images=8))

    assert str(refused.value) == (
        "no image could be measured; the image cannot be decoded, or does not fit the input: "
        "it has other channels, or float32 values outside the bounds: "
        "0.png, 1.png, 2.png, 3.png, 4.png and 2 more; the image has more pixels than the server decodes: big.png"
    )


def test_a_result_with_an_image_is_kept():
    refuse_unmeasured(result_of(("a.png", "INTERNAL"), images=2))
