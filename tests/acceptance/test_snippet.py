"""The lines of the design that outside checks call as they stand, in a folder as a user has it, with no server set."""

from acceptance_running import Place, eventually
from acceptance_stage import write_imagenet_materials

SNIPPET = """
from modicum import Client

with Client() as client:                                   # MODICUM_ADDRESS and token from the environment, or a local server
    model = client.models.register("resnet18", weights="w.safetensors", architecture="torchvision:resnet18",
                                   input="imagenet", labels="labels.txt")
    photos = client.datasets.upload("holdout", "photos/")
    audit = client.audits.create(models=[model], dataset=photos, thresholds=[0.9])
    for event in audit.watch():
        print(event.images_done, event.images_total)
    result = audit.result()
    print(result.models[0].overinterpretation_rate)        # 0.62 (0.55 to 0.69), class-targeted 0.58
    finding = result.findings[3]
    finding.subset.mask                                    # numpy bool (224, 224)
"""
LOOK = """
    mask = finding.subset.mask
    print("mask", mask.dtype, mask.shape, mask.sum() == finding.subset.size)
"""


def test_the_snippet_of_the_design_runs_as_it_stands_and_its_server_leaves(short_folder):
    place = Place.make(short_folder).with_variables(MODICUM_DEFAULT_PASSES="12")
    write_imagenet_materials(short_folder, photographs=4)
    (short_folder / "snippet.py").write_text(SNIPPET + LOOK)

    done = place.run("python", "snippet.py")

    assert done.code == 0, done.messages
    *events, rate, mask = done.output.splitlines()
    assert events[-1] == "4 4"
    assert rate.startswith(("0.", "1.", "n"))
    assert "class-targeted" in rate
    assert mask == "mask bool (224, 224) True"
    eventually(lambda: not (place.data / "server.json").exists())
    eventually(lambda: place.leftovers == [])
