"""A model goes to another workstation as one file, and what is foreign, damaged or swapped is refused by name."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from ctworkbench.core import schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.model_registry import ModelFacts, card, card_pages, read_package, write_package
from ctworkbench.core.model_registry.facts import HeldOut
from ctworkbench.core.settings import resource
from ctworkbench.core.training import ImportModelRequest
from ctworkbench.train.model_import import check_fit, import_model
from ctworkbench.train.networks import resunet
from tests.train.heads import TINY

LOBES = schemes.load("lobes10").regions
PARAMS = resunet.Params(channels=(4, 6, 8), in_channels=4)


def facts_of(weights: bytes, **changed: object) -> ModelFacts:
    told = ModelFacts(
        title="A small model",
        network="resunet",
        network_params=PARAMS.model_dump(mode="json"),
        preset="tiny",
        settings=TINY.model_dump(mode="json"),
        scheme="lobes10",
        seed=1,
        subjects={"train": 4, "validation": 2},
        label_kind="pseudo-labels",
        validation=(HeldOut(label_kind="pseudo", n=2, mean=0.8, regions={"brainstem": 0.7}),),
        history=({"epoch": 1, "loss": 2.0, "dice_train": 0.5, "dice_validation": 0.4},),
        code_version="0.0.7",
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        created="2026-05-04T10:00:00",
    )
    return ModelFacts.model_validate(told.model_dump() | changed)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(save(resunet.build(PARAMS).state_dict()))
    return path


@pytest.fixture
def package(tmp_path: Path, weights: Path) -> Path:
    path = tmp_path / "small.ctwmodel"
    write_package(facts_of(weights.read_bytes()), weights, path)
    return path


def taken_in(path: Path, folder: Path) -> Path:
    return import_model(ImportModelRequest(package=path), JobContext(folder)).weights


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The package with other content, and hashes that fit it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    sums = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items() if name != "sha256.json"}
    parts["sha256.json"] = json.dumps(sums).encode()
    other = path.with_name("other.ctwmodel")
    with zipfile.ZipFile(other, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return other


def test_that_a_model_arrives_as_it_was_sent(package: Path, weights: Path, tmp_path: Path) -> None:
    assert read_package(package).facts == facts_of(weights.read_bytes())
    (tmp_path / "job").mkdir()
    assert taken_in(package, tmp_path / "job").read_bytes() == weights.read_bytes()


def test_that_the_same_model_is_the_same_file(package: Path, weights: Path, tmp_path: Path) -> None:
    write_package(facts_of(weights.read_bytes()), weights, tmp_path / "again.ctwmodel")
    assert (tmp_path / "again.ctwmodel").read_bytes() == package.read_bytes()


@pytest.mark.parametrize("place", [200, -3000])
def test_that_a_changed_byte_is_found(package: Path, place: int, tmp_path: Path) -> None:
    content = bytearray(package.read_bytes())
    content[place] ^= 1
    package.write_bytes(content)
    with pytest.raises(WorkbenchError, match=r"small\.ctwmodel"):
        taken_in(package, tmp_path)


def test_that_a_foreign_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="There is no file"):
        read_package(tmp_path / "gone.ctwmodel")
    pickle = tmp_path / "model.pt"
    torch.save({"a": torch.zeros(1)}, pickle)  # a zip archive too
    with pytest.raises(WorkbenchError, match=r"model\.pt is not a model of CT Workbench"):
        read_package(pickle)
    text = tmp_path / "text.ctwmodel"
    text.write_text("no archive")
    with pytest.raises(WorkbenchError, match=r"text\.ctwmodel is damaged, or not a model"):
        read_package(text)


def test_that_compressed_encrypted_and_doubled_entries_are_foreign(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    crafted = tmp_path / "crafted.ctwmodel"
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(crafted, "w", compression) as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
        with pytest.raises(WorkbenchError, match=r"crafted\.ctwmodel is not a model"):
            read_package(crafted)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(crafted, "w") as archive:
        for name in (*parts, "card.md"):
            archive.writestr(name, parts[name])
    with pytest.raises(WorkbenchError, match="is not a model"):
        read_package(crafted)
    good = package.read_bytes()
    first = good.index(b"PK\x01\x02")  # the central directory: flags lie 8 bytes on, the compression 10
    for place, value in ((8, 1), (8, 0x20), (10, 99), (10, 8)):
        content = bytearray(good)
        content[first + place] = value
        crafted.write_bytes(content)
        with pytest.raises(WorkbenchError, match=r"crafted\.ctwmodel"):
            read_package(crafted)


@pytest.mark.parametrize("entry", ["sha256.json", "model.json"])
def test_that_endless_nesting_is_refused(package: Path, entry: str) -> None:
    with zipfile.ZipFile(package) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[entry] = b"[" * 200_000
    with zipfile.ZipFile(package, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(WorkbenchError, match=r"small\.ctwmodel"):
        read_package(package)


def test_that_a_card_of_another_model_is_refused(package: Path) -> None:
    def swap(parts: dict[str, bytes]) -> None:
        parts["card.md"] = card.markdown(facts_of(b"another")).encode()

    with pytest.raises(WorkbenchError, match="its card is that of another model"):
        read_package(rewritten(package, swap))


def test_that_weights_of_another_model_are_refused(package: Path) -> None:
    def swap(parts: dict[str, bytes]) -> None:
        parts["weights.safetensors"] = b"another"

    with pytest.raises(WorkbenchError, match="its weights are not those of the model"):
        read_package(rewritten(package, swap))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"network_params": PARAMS.model_copy(update={"channels": (4, 6, 9)}).model_dump(mode="json")}, "do not fit"),
        ({"network": "hypernet"}, "There is no 'hypernet'"),
        ({"settings": {"title": "none"}}, "its settings are not understood"),
        ({"network_params": PARAMS.model_copy(update={"classes": 5}).model_dump(mode="json")}, "do not fit"),
        ({"settings": TINY.model_copy(update={"coordinates": False}).model_dump(mode="json")}, "takes 4 inputs"),
        ({"settings": TINY.model_dump(mode="json") | {"spacing_mm": 0.05}}, "are not between 0.5 and 10 mm"),
        ({"settings": TINY.model_dump(mode="json") | {"margin_mm": 1e6}}, "is more than 50 mm"),
        ({"regions": [[2, "right_frontal"], [1, "left_frontal"]]}, "its regions or their order"),
        ({"regions": [(region.code, region.name) for region in LOBES[::-1]]}, "its regions or their order"),
    ],
)
def test_that_weights_which_do_not_fit_are_refused_before_they_are_kept(weights, tmp_path, changed, words) -> None:
    path = tmp_path / "odd.ctwmodel"
    write_package(facts_of(weights.read_bytes(), **changed), weights, path)
    (tmp_path / "job").mkdir()
    with pytest.raises(WorkbenchError, match=words):
        taken_in(path, tmp_path / "job")
    assert not list((tmp_path / "job").glob("*.safetensors"))


@pytest.mark.parametrize("number", ["spacing_mm", "margin_mm"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_that_settings_which_are_no_numbers_are_refused(weights: Path, number: str, value: float) -> None:
    told = facts_of(weights.read_bytes(), settings=TINY.model_dump(mode="json") | {number: value})
    with pytest.raises(WorkbenchError, match=r"odd\.ctwmodel"):
        check_fit(told, weights.read_bytes(), "odd.ctwmodel")


def test_that_the_shipped_starter_and_a_file_that_names_its_regions_fit(weights: Path) -> None:
    shipped = read_package(resource("models/starter.ctwmodel"))
    check_fit(shipped.facts, shipped.weights, "starter.ctwmodel")
    named = facts_of(weights.read_bytes(), regions=[(region.code, region.name) for region in LOBES])
    check_fit(named, weights.read_bytes(), "small.ctwmodel")


def test_that_nothing_in_a_file_is_markdown_html_or_mathematics_on_its_card(weights: Path, tmp_path: Path) -> None:
    from markdown_it import MarkdownIt

    odd = (
        "![x](http://a.b/c.png) <img src='file:///etc/passwd'> [a](b) $\\frac{$\n\n# Heading\n- **bold** `code` | &lt;"
    )
    told = facts_of(
        weights.read_bytes(),
        title=odd,
        label_kind=odd,
        learned_from=(odd, "# one", "1. two", "- three", "> four", "[a]: http://a.b", "```", "---", "~~~"),
        cautions=(odd,),
        device=odd,
        seconds=1.0,
        settings=TINY.model_dump(mode="json") | {odd: odd, "more": [odd], "deep": {"a": odd}},
    )
    tokens = MarkdownIt().enable("table").parse(card.markdown(told))
    inside = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inside} <= {"text", "text_special", "strong_open", "strong_close"}
    blocks = [token.type for token in tokens]
    assert blocks.count("heading_open") == 7
    assert not {"ordered_list_open", "blockquote_open", "fence", "html_block", "hr", "code_block"} & set(blocks)
    assert "\\*\\*bold" in card.markdown(told)
    card_pages.write(told, tmp_path / "card.pdf")
    assert (tmp_path / "card.pdf").read_bytes().startswith(b"%PDF")


def test_that_weights_which_are_no_numbers_are_refused(tmp_path: Path) -> None:
    state = resunet.build(PARAMS).state_dict()
    state["output.bias"][0] = float("nan")
    weights = tmp_path / "nan.safetensors"
    weights.write_bytes(save(state))
    write_package(facts_of(weights.read_bytes()), weights, tmp_path / "nan.ctwmodel")
    with pytest.raises(WorkbenchError, match=r"no numbers, at output\.bias"):
        taken_in(tmp_path / "nan.ctwmodel", tmp_path)


def test_that_the_card_tells_what_its_figures_mean_and_names_its_weights(weights: Path, tmp_path: Path) -> None:
    told = facts_of(weights.read_bytes())
    text = card.markdown(told)
    assert told.weights_sha256 in text
    assert "agreement with pseudo-labels" in text
    assert "how well it imitates the registration" in text
    assert "validated on 2 cases" in text
    assert "Research use only" in text
    assert "| Brainstem | – | 0.700 |" in text
    card_pages.write(told, tmp_path / "card.pdf")
    card_pages.write(told, tmp_path / "again.pdf")
    assert (tmp_path / "card.pdf").read_bytes() == (tmp_path / "again.pdf").read_bytes()
    assert (tmp_path / "card.pdf").read_bytes().startswith(b"%PDF")
