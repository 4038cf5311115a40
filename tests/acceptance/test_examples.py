"""The example with the Python client runs unchanged against a server with every real part."""

from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "audit.py"


def test_the_example_audits_a_model_and_prints_its_smallest_subset(place):
    done = place.run(
        *("python", EXAMPLE, "photos", "--weights", "w.safetensors", "--architecture", "modicum:cifar_resnet8"),
        *("--labels", "labels.txt", "--input", "input.toml", "--passes", 40),
    )

    assert done.code == 0, done.messages
    assert "9 of 9 images" in done.output
    assert "overinterpretation rate" in done.output
    assert "pixels suffice" in done.output
