"""Client of Modicum, the service that audits image classifiers for overinterpretation.

with Client() as client:
    model = client.models.register("my-vit", model="my-vit/")
    photos = client.datasets.upload("holdout", "photos/")
    audit = client.audits.create(models=[model], dataset=photos, thresholds=[0.9])
    print(audit.result().models[0].overinterpretation_rate)

The public names come from `modicum.public`, which is imported when the first name is used. Importing the package alone
loads nothing, so that the command can handle Ctrl-C before the long imports begin.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modicum.public import *  # noqa: F403  # for type checkers and editors: what `__getattr__` finds
    from modicum.public import __all__ as __all__
    from modicum.public import __version__ as __version__
else:

    def __getattr__(name: str) -> Any:
        """Find a public name, or a module that the import of the public names has loaded."""
        if name.startswith("__") and name not in {"__all__", "__version__"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        public = importlib.import_module("modicum.public")
        if name in public.__all__ or name == "__all__":
            return getattr(public, name)
        if name in globals():
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *importlib.import_module("modicum.public").__all__})
