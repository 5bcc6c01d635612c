"""Texts can be translated: the catalogue's template is complete, and a catalogue that is there is used."""

import struct
from pathlib import Path

import pytest

from ctworkbench.core import translation
from ctworkbench.core.settings import resource
from scripts.extract_texts import catalogue, texts


def test_that_the_template_holds_every_text_of_the_program() -> None:
    written = (resource("locale") / "ctworkbench.pot").read_text(encoding="utf-8")
    assert written == catalogue(), "run scripts/extract_texts.py"
    assert {"Volumes", "Asymmetry", "Right frontal lobe", "Research use only – not for diagnosis."} <= set(texts())


def test_that_no_text_holds_what_cannot_be_translated() -> None:
    for text in texts():
        assert text.strip() == text or "; " in text, text
        assert text.count("{") == text.count("}"), text


def test_that_english_is_spoken_where_there_is_no_catalogue() -> None:
    assert translation.catalogue("xx").gettext("Volumes") == "Volumes"


def test_that_a_catalogue_that_is_there_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "ctworkbench.mo").write_bytes(machine_object({"Volumes": "Volumen"}))
    monkeypatch.setattr(translation, "resource", lambda _: tmp_path)
    monkeypatch.setenv("LANGUAGE", "de")
    translation.catalogue.cache_clear()
    try:
        assert translation._("Volumes") == "Volumen"
        assert translation._("Asymmetry") == "Asymmetry"
    finally:
        translation.catalogue.cache_clear()


def machine_object(messages: dict[str, str]) -> bytes:
    """A catalogue in GNU gettext's binary format."""
    both = {"": "Content-Type: text/plain; charset=UTF-8\n"} | messages
    ids, strings = [key.encode() for key in sorted(both)], [both[key].encode() for key in sorted(both)]
    tables, data = b"", b""
    start = 28 + 16 * len(both)
    for part in (ids, strings):
        for entry in part:
            tables += struct.pack("<2I", len(entry), start + len(data))
            data += entry + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, len(both), 28, 28 + 8 * len(both), 0, start) + tables + data
