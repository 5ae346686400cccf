"""Everything people read is Indonesian first: the catalogue is whole and in step with the code, and it is used."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import catalogue
import pytest

from dissem import i18n
from dissem.channels.errors import Uncertain
from dissem.channels.registry import adapter_class, platforms
from dissem.cli.main import main
from dissem.config import Config, section_fields
from dissem.errors import Conflict, DissemError, WrongInput, told
from dissem.i18n import _
from dissem.models import State

AGAIN = "run `make catalogue` and translate what it lists"

# Prints the help of every command, read by a fresh process: help is translated when the file of a command is read.
EVERY_HELP = """
from dissem.cli.main import main
from dissem.cli.root import table
main(["--help"])
for name, entry in table().items():
    main([name, "--help"])
    for inner in getattr(entry.load(name), "commands", ()):
        main([name, inner, "--help"])
"""


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    return catalogue.collected()


@pytest.fixture(scope="module")
def kept() -> catalogue.Indonesian:
    return catalogue.read()


@pytest.fixture
def indonesian() -> Iterator[None]:
    token = i18n.language.set("id")
    yield
    i18n.language.reset(token)


def places(text: str) -> set[str]:
    return {name for _text, name, _form, _conversion in Formatter().parse(text) if name is not None}


# The catalogue


def test_every_text_of_the_code_has_an_indonesian_translation(texts, kept):
    translated = {message.id for message in kept if message.string and not message.fuzzy}

    missing = {text: where for text, where in texts.items() if text not in translated}

    assert not missing, AGAIN


def test_the_catalogue_is_what_the_code_says_today_without_anything_obsolete(texts, kept):
    fresh = catalogue.read()
    catalogue.update(fresh, texts)

    assert [message.id for message in fresh] == [message.id for message in kept], AGAIN
    assert catalogue.as_po(fresh) == catalogue.PO.read_bytes(), AGAIN


def test_what_is_read_at_run_time_was_compiled_from_what_people_translate(kept):
    assert catalogue.MO.read_bytes() == catalogue.as_mo(kept), AGAIN


def test_translations_have_the_same_places_as_their_texts(kept):
    differing = [m.id for m in kept if m.id and m.string and places(str(m.id)) != places(str(m.string))]

    assert not differing


def test_places_have_plain_names_so_that_every_text_can_be_filled(texts):
    unusable = [text for text in texts if not all(name.isidentifier() for name in places(text))]

    assert not unusable  # a brace that is meant as a brace is written twice


def test_translations_end_as_their_texts_do(kept):
    differing = [m.id for m in kept if m.id and m.string and _end(str(m.id)) != _end(str(m.string))]

    assert not differing


def _end(text: str) -> str:
    return text[-1] if text[-1] in ".?:…" else ""


# Collecting


@pytest.fixture
def code(tmp_path: Path) -> Path:
    package = tmp_path / "dissem"
    package.mkdir()
    return package


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('_("One.")', ["One."]),
        ('raise DissemError("It " "fails.", hint="Do this.")', ["It fails.", "Do this."]),
        ('class Worse(DissemError): ...\nclass _Worst(Worse): ...\n_Worst("Worst.")', ["Worst."]),
        ('module.Worse("Worse.")\nclass Worse(module.DissemError): ...', ["Worse."]),
        ('doubt(irrevocable, "Unsure.", code="no text")', ["Unsure."]),
        ('DissemError("One." if here else "Other.", hint="")', ["One.", "Other."]),
        ('def f():\n    text, hint = "Text.", "Hint."\n    raise DissemError(text, hint=hint)', ["Text.", "Hint."]),
        ('def f():\n    hint = "A." if x else "B."\n    return anything(hint=hint)', ["A.", "B."]),
        ('HINTS = {1: "First."}\nDissemError("Text.", hint=HINTS.get(n, "Other."))', ["Text.", "First.", "Other."]),
        ('SHAPES = {"key": "As in."}\nDissemError("Text.", hint=SHAPES[key])', ["Text.", "As in."]),
        ('def f():\n    kind = Other if x else DissemError\n    return kind("Chosen.")', ["Chosen."]),
        ('Field("default", description="what it is")', ["what it is"]),
        ('log.warning("channel %s is paused")\nValueError("for developers")', []),
    ],
)
def test_texts_are_found_however_they_are_written(code, source, found):
    (code / "some.py").write_text(source, encoding="utf-8")

    assert list(catalogue.collected(code)) == found


def test_texts_of_templates_are_found(code):
    (code / "page.html").write_text('<p>{{ _("Shown.") }}</p>', encoding="utf-8")

    assert catalogue.collected(code) == {"Shown.": ["dissem/page.html"]}


def test_the_words_of_our_enumerations_are_texts_too(code):
    (code / "desk").mkdir()
    (code / "desk" / "some.py").write_text(
        'class Action(StrEnum):\n    SEE = "see"\n    "what it is"\n', encoding="utf-8"
    )

    assert catalogue.collected(code) == {"see": ["dissem/desk/some.py"]}


def test_a_text_that_is_composed_before_it_is_translated_is_refused(code):
    (code / "some.py").write_text('DissemError(f"{name} is empty.")', encoding="utf-8")

    with pytest.raises(SystemExit, match=r"some\.py:1"):
        catalogue.collected(code)


def test_a_new_text_gets_the_translation_of_a_similar_one_only_to_be_looked_at():
    known = catalogue.Indonesian()
    known.add("Channel {channel} is paused now.", string="Kanal {channel} sekarang dijeda.")
    known.add("This is gone.", string="Ini sudah tidak ada.")

    dropped = catalogue.update(known, {"Channel {channel} is paused.": ["dissem/some.py"]})

    assert [message.id for message in catalogue.open_messages(known)] == ["Channel {channel} is paused."]
    assert dropped == 1
    assert b"dijeda" not in catalogue.as_mo(known)
    assert b"#~" not in catalogue.as_po(known)


# What people read


def test_an_error_and_its_hint_are_indonesian(indonesian):
    error = WrongInput(
        "{name} is larger than {limit} MiB.", hint="Save it smaller and add it again.", name="a", limit=4
    )

    assert str(error) == "a lebih besar dari 4 MiB."
    assert error.hint == "Simpan dalam ukuran lebih kecil dan tambahkan lagi."


def test_a_word_of_ours_within_an_error_is_indonesian(indonesian):
    error = Conflict("Delivery {delivery} cannot be cancelled: it is {state}.", delivery=7, state=State.PUBLISHING)

    assert str(error) == "Pengiriman 7 tidak dapat dibatalkan: statusnya sedang dikirim."


def test_a_reason_kept_in_the_database_is_read_in_the_language_of_its_reader(indonesian):
    reason = Uncertain("The platform's answer could not be read.", hint="Look there.").reason()

    assert told(reason).startswith("Jawaban platform tidak dapat dibaca.")
    i18n.language.set("en")
    assert told(reason) == "The platform's answer could not be read. Look there."


def test_an_unknown_text_stays_as_it_is(indonesian):
    assert str(DissemError("Nobody translated {this}.", this="x")) == "Nobody translated x."


def test_descriptions_of_settings_are_indonesian(indonesian):
    ours = [field for name in Config.model_fields for field in section_fields(type(getattr(Config(), name))).values()]
    theirs = [field for name in platforms() for field in adapter_class(name).Settings.model_fields.values()]

    described = [field.description for field in (*ours, *theirs) if field.description]

    assert described
    assert [text for text in described if _(text) == text] == []


def test_no_command_shows_help_in_english(kept):
    child = subprocess.run(
        [sys.executable, "-c", EVERY_HELP],
        env={**os.environ, "TYPER_USE_RICH": "0"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )

    shown = " ".join(child.stdout.split())
    english = [text for message in kept if _is_of_a_command(message) and (text := str(message.id)[:20]) in shown]

    assert english == []
    assert "Kanal: hubungkan, periksa, jeda." in shown
    assert not re.search(r"\b(Usage|Options|Commands|Arguments|required|default)\b", shown)


def _is_of_a_command(message: catalogue.Message) -> bool:
    """Whether the beginning of its text would show that it was not translated: several words and no place in them."""
    begins = str(message.id)[:20]
    of_cli = any(place.startswith("dissem/cli/") for place, _line in message.locations)
    return of_cli and " " in begins and "{" not in begins and not str(message.string).startswith(begins)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["relase"], "Galat: Tidak ada perintah relase.\nMaksud Anda release?"),
        (["release", "show"], "Galat: RILIS belum diisi.\nLihat: dissem release show --help"),
        (["release", "show", "tiga"], "Galat: RILIS: tiga bukan angka.\nLihat: dissem release show --help"),
        (["release", "show", "3", "4"], "Galat: Bagian ini berlebih: 4\nApit teks yang berspasi dengan tanda kutip."),
        (["queue", "--limit"], "Galat: --limit memerlukan nilai."),
        (["queue", "--limit", "0"], "Galat: --limit: 0 terlalu kecil; paling sedikit 1.\nLihat: dissem queue --help"),
        (["queue", "--limt", "5"], "Galat: Tidak ada opsi --limt.\nYang mungkin: --limit."),
    ],
)
def test_complaints_about_the_command_line_are_indonesian(capsys, arguments, sentence):
    status = main(arguments)

    assert status == 2
    assert capsys.readouterr().err.strip() == sentence
