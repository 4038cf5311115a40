"""Models that are fetched from a hub by their commit: what is fetched, what is refused, and what is said."""

import hashlib
import json
import sys

import pytest
from modicum.errors import DataLoss, HubError, InvalidArgument, ModelFolderRefused, NotFound, PermissionDenied
from modicum.sources import hub_models
from modicum.sources.model_files import model_file

from tests.commands import run_command
from tests.hub.hub_server import COMMIT, REPOSITORY, running_hub
from tests.hub.test_refused_folders import GOOD_CONFIG, GOOD_PREPROCESSOR, tensors
from tests.ports import free_port

WEIGHTS = tensors(**{f"a{number}": [4 * number, 4 * number + 4] for number in range(30)})
READ = ("config.json", "model.safetensors", "preprocessor_config.json")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with a good model, and an empty cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        hub.files.update(
            {
                "config.json": json.dumps(GOOD_CONFIG).encode(),
                "preprocessor_config.json": json.dumps(GOOD_PREPROCESSOR).encode(),
                "model.safetensors": WEIGHTS,
                "pytorch_model.bin": b"a pickle",
                "modeling_tiny.py": b"raise SystemExit",
                "README.md": b"words",
            }
        )
        yield hub


def test_a_model_is_fetched_by_its_commit_and_read_like_a_folder(hub):
    file = model_file(model=hub.uri)

    assert (file.architecture, file.labels(None), file.name) == ("transformers:vit", ("cat", "dog"), "tiny-vit")
    assert file.content().digest == hashlib.sha256(WEIGHTS).hexdigest()
    assert str(file) == hub.uri


def test_only_what_is_read_is_fetched_no_pickle_and_no_code(hub):
    folder = hub_models.fetched(hub.uri)

    assert sorted(path.name for path in folder.iterdir()) == sorted(READ)
    assert not [path for path in hub.asked if path.endswith((".bin", ".py", ".md"))]


def test_what_was_fetched_is_not_fetched_again(hub):
    hub_models.fetched(hub.uri)
    hub.asked.clear()

    hub_models.fetched(hub.uri)

    assert hub.asked == [f"/api/models/{REPOSITORY}/revision/{COMMIT}"]


def test_one_file_of_weights_is_fetched_before_an_index(hub):
    index = {"weight_map": {"a": "absent.safetensors"}}
    hub.files["model.safetensors.index.json"] = json.dumps(index).encode()

    folder = hub_models.fetched(hub.uri)

    assert sorted(path.name for path in folder.iterdir()) == sorted(READ)


def test_weights_in_several_files_are_fetched_as_the_index_names_them(hub):
    parts = {"first.safetensors": tensors(a=[0, 4]), "second.safetensors": tensors(b=[0, 4])}
    index = {"weight_map": {"a": "first.safetensors", "b": "second.safetensors"}}
    del hub.files["model.safetensors"]
    hub.files |= {**parts, "other.safetensors": b"x", "model.safetensors.index.json": json.dumps(index).encode()}

    folder = hub_models.fetched(hub.uri)

    names = {path.name for path in folder.glob("*.safetensors")}
    assert names == parts.keys()
    assert model_file(model=hub.uri).content().size_bytes > 8


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("hf://acme/tiny-vit", "got none"),
        ("hf://acme/tiny-vit@main", "got main"),
        ("hf://acme/tiny-vit@0123456", "got 0123456"),
        (f"hf://acme/tiny-vit@{COMMIT.upper()}", "got 0123456789ABCDEF"),
    ],
)
def test_a_model_without_a_full_commit_is_refused_and_told_how_to_find_it(hub, uri, says):
    with pytest.raises(InvalidArgument, match=says) as caught:
        hub_models.fetched(uri)

    assert caught.value.reason == "HUB_NOT_PINNED"
    assert "model_info('acme/tiny-vit').sha" in str(caught.value)
    assert hub.asked == []


@pytest.mark.parametrize("uri", ["hf://tiny", f"hf://../etc@{COMMIT}", f"hf://a/b/c@{COMMIT}", "hf://a/b\n"])
def test_another_form_is_refused(hub, uri):
    with pytest.raises(InvalidArgument, match="expected hf://ORG/NAME@COMMIT"):
        hub_models.fetched(uri)

    assert hub.asked == []


@pytest.mark.parametrize(
    ("refusal", "kind", "says"),
    [
        ((404, "RepoNotFound"), NotFound, "has no model acme/tiny-vit, or hides it from you.*HF_TOKEN"),
        ((404, "RevisionNotFound"), NotFound, f"no commit {COMMIT}. The newest commit: python -c"),
        ((403, "GatedRepo"), PermissionDenied, "the model is gated.*HF_TOKEN"),
        ((500, ""), HubError, r"cannot be reached, or failed \(HTTP 500\)"),
    ],
)
def test_what_a_hub_does_not_give_is_told_with_what_to_do(hub, refusal, kind, says):
    hub.refusal = refusal

    with pytest.raises(kind, match=says):
        hub_models.fetched(hub.uri)


def test_a_private_model_is_fetched_with_a_token(hub, monkeypatch):
    hub.needs_token = "hf_secret"
    with pytest.raises(NotFound, match="If it is private, set HF_TOKEN"):
        hub_models.fetched(hub.uri)

    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    assert hub_models.fetched(hub.uri).is_dir()


def test_without_a_network_the_way_out_is_told(hub, monkeypatch):
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("HF_ENDPOINT", address)

    with pytest.raises(HubError, match=f"{address} cannot be reached.*give its path"):
        hub_models.fetched(hub.uri)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_bytes_that_are_not_those_of_the_hub_are_refused(hub, name):
    data = hub.files[name]
    hub.sent[name] = data[:-1] + bytes([data[-1] ^ 1])

    with pytest.raises(DataLoss, match=f"the bytes of {name} differ from what the hub announced; delete"):
        hub_models.fetched(hub.uri)


@pytest.mark.parametrize(
    ("remove", "told", "says"),
    [
        ("config.json", {}, "expected config.json"),
        ("model.safetensors", {}, "got only pytorch_model.bin, which is a pickle"),
        ("", {"model.safetensors": {"size": hub_models.MOST_BYTES + 1}}, "at most 16,384 MiB together"),
        ("", {"config.json": {"size": hub_models.MOST_JSON_BYTES + 1}}, "at most 16 MiB together"),
        ("", {"model.safetensors": {"size": None}}, "of known size"),
    ],
)
def test_what_is_unsafe_or_out_of_bounds_is_refused_before_it_is_fetched(hub, remove, told, says):
    hub.files.pop(remove, None)
    hub.told |= told

    with pytest.raises(ModelFolderRefused, match=says):
        hub_models.fetched(hub.uri)

    assert not [path for path in hub.asked if path.endswith(".safetensors")]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["../../up.safetensors"], "expected names of .safetensors files in the same folder"),
        (["absent.safetensors"], "absent.safetensors is missing, which"),
        ([f"{number}.safetensors" for number in range(hub_models.MOST_FILES + 1)], "at most 200 files, got 201"),
    ],
)
def test_an_index_that_leads_elsewhere_or_too_far_is_refused(hub, names, says):
    index = {"weight_map": {str(number): name for number, name in enumerate(names)}}
    hub.files |= {name: b"x" for name in names if name != "absent.safetensors"}
    del hub.files["model.safetensors"]
    hub.files["model.safetensors.index.json"] = json.dumps(index).encode()

    with pytest.raises(ModelFolderRefused, match=says):
        hub_models.fetched(hub.uri)


def test_without_the_library_its_extra_is_named(hub, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(InvalidArgument, match=r"pip install 'modicum\[hub\]'"):
        hub_models.fetched(hub.uri)


def test_the_command_takes_a_model_of_a_hub_and_ends_with_2_where_it_is_not_pinned(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MODICUM_ADDRESS", "127.0.0.1:1")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"a")
    begin = ("audit", str(tmp_path / "photos"), "--threshold", "0.9", "--model")

    unpinned = run_command((*begin, "hf://acme/tiny-vit"), capsys)
    assert unpinned.exit_code == 2
    assert "HUB_NOT_PINNED" in unpinned.said

    pinned = run_command((*begin, hub.uri), capsys)
    assert pinned.exit_code == 3  # no server: the model was fetched
    assert "UNREACHABLE" in pinned.said
