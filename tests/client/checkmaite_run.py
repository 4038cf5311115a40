"""Run by test_checkmaite.py, by the Python of CheckMAITE: the capability on a model of the first pixel, twice."""

import json
import tempfile

import checkmaite
import numpy as np
from checkmaite.core import image_classification
from checkmaite.core._plugins import list_loaded_plugins

GROUP = "checkmaite.plugins.image_classification"
NAMES = {0: "dark", 1: "bright"}


class Model:
    def __init__(self):
        self.metadata = {"id": "first-pixel", "index2label": NAMES}
        self.calls = 0

    def __call__(self, batch):
        self.calls += 1
        return [np.array([0.0, 24.0 * (float(image[0, 0, 0]) - 0.5)], np.float32) for image in batch]


class Dataset:
    def __init__(self):
        self.metadata = {"id": "pictures", "index2label": NAMES}

    def __len__(self):
        return 4

    def __getitem__(self, index):
        image = np.full((3, 8, 8), 0.5, np.float32)
        image[:, 0, 0] = index % 2
        return image, np.eye(2)[index % 2], {"id": f"picture|{index}"}


def main() -> None:
    kind, config = image_classification.Overinterpretation, image_classification.OverinterpretationConfig
    try:
        kind().run(models=[Model()], datasets=[Dataset()])
    except Exception as error:  # noqa: BLE001 - told to the test
        refused = str(error)
    with tempfile.TemporaryDirectory() as folder:
        checkmaite.cache_path(folder)
        again, asked = Model(), config(bounds=(0, 1), passes=200)
        first = kind().run([Model()], [Dataset()], config=asked)
        second = kind().run([again], [Dataset()], config=asked)
    told = {
        "plugins": [record.model_dump() for record in list_loaded_plugins(GROUP)],
        "refused": refused,
        "outputs": json.loads(first.outputs.model_dump_json(exclude={"masks"})),
        "masks": [np.argwhere(mask).tolist() for mask in first.outputs.masks],
        "from_cache": again.calls == 0 and np.array_equal(second.outputs.masks[0], first.outputs.masks[0]),
        "records": [record.model_dump(mode="json") for record in first.extract()],
        "report": first.collect_md_report(0.5).content,
    }
    print(json.dumps(told))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
