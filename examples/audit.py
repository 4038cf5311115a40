r"""Audit a model with the Python client and print what was found.

python examples/audit.py photos/ --weights w.safetensors --architecture torchvision:resnet18 --input imagenet \
    --class-labels labels.txt

Uses the server in MODICUM_ADDRESS; starts one on this machine for as long as it runs if that is not set.
"""

import argparse

from modicum import Client, ModicumError


def main() -> None:
    """Register the model, upload the photographs, audit, and print the rate and the smallest subset."""
    asked = arguments()
    with Client() as client:
        model = client.models.register(
            "example",
            weights=asked.weights,
            architecture=asked.architecture,
            input=asked.input,
            class_labels=asked.class_labels,
        )
        photographs = client.datasets.upload("example", asked.photographs)
        audit = client.audits.create(
            models=[model], dataset=photographs, thresholds=[asked.threshold], passes=asked.passes
        )
        for event in audit.watch():
            print(f"{event.images_done} of {event.images_total} images")
        result = audit.result()

    searched = result.models[0].searches[0]
    print("overinterpretation rate", searched.measures["overinterpretation_rate"])
    print("the same for a random other class", searched.measures["overinterpretation_rate_class_targeted"])
    smallest = min((one for one in result.findings if one.subset), key=lambda one: one.subset.size, default=None)
    if smallest is None:
        print("no image reaches the threshold")
    else:
        print(f"{smallest.item}: {smallest.subset.size} pixels suffice, {smallest.subset.fraction:.1%} of the image")


def arguments() -> argparse.Namespace:
    """What was asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", help="a folder with one folder of images for each class")
    parser.add_argument("--weights", required=True, help="safetensors, or a state dict of tensors")
    parser.add_argument("--architecture", required=True, help="such as torchvision:resnet18")
    parser.add_argument("--class-labels", required=True, help="names of the classes, one on each line")
    parser.add_argument("--input", required=True, help="preprocessing: imagenet, cifar10, or a file in TOML")
    parser.add_argument("--threshold", type=float, default=0.9, help="confidence that counts as sufficient")
    parser.add_argument("--passes", type=int, default=600, help="budget of an image")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except ModicumError as error:
        raise SystemExit(f"{error.reason}: {error}") from error
