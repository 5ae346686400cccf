"""Texts from outside stay texts in every form: no formula, no element, no markup, no order to a terminal."""

import csv
import io
import json
import re
import zipfile
from collections import Counter
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
import python_calamine
import typst
from payloads import FORMULAS, MARKUP, TERMINAL
from sample import compared, released, report

from dissem.reports import charts, pdf, render
from dissem.reports.csv import harmless

STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


EVERY = pytest.mark.parametrize("made", [report, compared, released])  # each kind of report


STEERS = "\x1b\x07\x08\x9b\u202e\u2066\u200b\x00"


def plain(text: str) -> str:
    """What the forms for people keep of a text."""
    return "".join(sign for sign in text if sign.isprintable())


# Spreadsheets


def test_there_are_sixty_formulas_and_eighty_pieces_of_markup() -> None:
    assert (len(set(FORMULAS)), len(set(MARKUP))) == (60, 80)


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_gets_an_apostrophe_in_csv(formula: str) -> None:
    assert harmless(formula) == f"'{formula}"


@pytest.mark.parametrize("text", ["Banjir surut", "5 - 3", "a=b", "", "'=1", "(=1)", "–", "−5"])
def test_an_ordinary_text_is_left_alone_in_csv(text: str) -> None:
    assert harmless(text) == text


@EVERY
def test_no_cell_of_the_csv_is_a_formula_and_numbers_are_numbers(made: Any) -> None:
    rows = list(csv.reader(io.StringIO(render.render(made(FORMULAS), "csv"))))

    cells = [cell for row in rows for cell in row]
    dangerous = [cell for cell in cells if plain(cell).strip().startswith(STARTS) and not _is_number(cell)]
    assert dangerous == []
    assert all(f"'{formula}" in cells for formula in FORMULAS)


def test_a_fall_is_a_number_in_csv() -> None:
    cells = [cell for row in csv.reader(io.StringIO(render.render(report(FORMULAS), "csv"))) for cell in row]

    assert "-3" in cells


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", cell) is not None


@EVERY
def test_the_workbook_has_texts_where_texts_were_no_formula_and_no_link(made: Any) -> None:
    document = render.render(made(FORMULAS), "xlsx")

    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(document))
    cells = {cell for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python() for cell in row}
    assert {plain(formula).strip() for formula in FORMULAS} <= {str(cell).strip() for cell in cells}
    with zipfile.ZipFile(io.BytesIO(document)) as parts:
        sheets = [parts.read(name).decode() for name in parts.namelist() if name.startswith("xl/worksheets/sheet")]
        assert len(sheets) == len(book.sheet_names)
        assert not any(re.search(r"<f[ >]|<hyperlink", sheet) for sheet in sheets)
        assert not any("externalLink" in name for name in parts.namelist())


# HTML and the drawings in it


class Shape(HTMLParser):
    """The elements of a page with the names of their attributes, and its text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.text = ""
        self.links: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag, tuple(sorted(name for name, _value in attrs))] += 1
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.text += data


@EVERY
def test_markup_brings_no_element_and_no_attribute_into_the_page(made: Any) -> None:
    expected = Shape(render.render(made([f"Banjir {number}" for number in range(len(MARKUP))]), "html"))

    found = Shape(render.render(made(MARKUP), "html"))

    assert found.elements == expected.elements
    assert all(link.startswith(("https://board.example/?q=", "#", "data:image/jpeg;base64,")) for link in found.links)
    assert all(plain(text) in found.text for text in MARKUP[:10])


@EVERY
def test_each_piece_of_markup_alone_leaves_the_page_as_it_is(made: Any) -> None:
    expected = Shape(render.render(made(), "html")).elements

    found = {text: Shape(render.render(made([text]), "html")).elements for text in MARKUP}

    assert [text for text, elements in found.items() if elements != expected] == []


def test_a_drawing_is_well_formed_and_has_no_element_of_a_text() -> None:
    def names(texts: Any) -> list[str]:
        bars = [charts.Bar(text, 3, text) for text in texts]
        drawings = [charts.bars(texts[0], texts[1], bars), charts.columns(texts[0], texts[1], bars, band=None)]
        drawings.append(charts.heat(texts[0], texts[1], texts[:7], [[1] * 24] * 7))
        return [element.tag for drawing in drawings for element in ElementTree.fromstring(drawing).iter()]  # noqa: S314

    everything = (*MARKUP, *FORMULAS, *TERMINAL)

    assert names(everything) == names(["x"] * len(everything))


# PDF


ELEMENTS = "selector(heading).or(link).or(image).or(table).or(ref).or(raw).or(math.equation).or(metadata)"


def elements(made: Any) -> Counter[str]:
    """How often each element stands in the typeset document."""
    data = json.dumps(pdf._data(render.laid_out(made)), ensure_ascii=False)
    found = typst.query(pdf.TEMPLATE.read_bytes(), ELEMENTS, sys_inputs={"data": data}, ignore_system_fonts=True)
    return Counter(element["func"] for element in json.loads(found))


@EVERY
def test_nothing_in_a_text_is_markup_to_typst(made: Any) -> None:
    hostile = made(MARKUP)

    assert render.render(hostile, "pdf").startswith(b"%PDF-")
    assert elements(hostile) == elements(made([f"Banjir {number}" for number in range(len(MARKUP))]))
    assert elements(hostile)["heading"] > 10


@EVERY
@pytest.mark.parametrize("texts", [FORMULAS, TERMINAL])
def test_the_pdf_is_made_whatever_signs_a_text_holds(texts: tuple[str, ...], made: Any) -> None:
    assert render.render(made(texts), "pdf").startswith(b"%PDF-")


# Text and JSON


@EVERY
def test_nothing_in_the_text_steers_a_terminal_but_everything_is_seen(made: Any) -> None:
    document = render.render(made((*TERMINAL, *FORMULAS)), "text")

    assert [sign for sign in document if not sign.isprintable() and sign not in "\n\xa0"] == []
    assert "‹001B›" in document
    assert "‹202E›" in document


def test_json_holds_texts_as_they_are_without_a_raw_sign_a_terminal_obeys() -> None:
    texts = (*TERMINAL, *FORMULAS, *MARKUP)

    document = render.render(report(texts), "json")

    assert [row["title"] for row in json.loads(document)["releases"]] == list(texts)
    assert [sign for sign in document if sign in STEERS] == []


@EVERY
def test_no_json_holds_a_raw_sign_a_terminal_obeys(made: Any) -> None:
    document = render.render(made((*TERMINAL, *FORMULAS)), "json")

    assert [sign for sign in document if sign in STEERS] == []


def test_every_sign_said_to_have_a_shape_can_be_set() -> None:
    every = "".join(chr(code) for first, last in pdf.SHAPED for code in range(first, last + 1))

    assert render.render(report([every]), "pdf").startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Café – “Lubuk” ½ €", "Café – “Lubuk” ½ €"),
        ("𝗕𝗮𝗻𝗷𝗶𝗿 ＝１", "Banjir =1"),
        ("Selamat 🎉 pagi", "Selamat □ pagi"),
        ("كوتا", "□□□□"),
        ("a\u200db\x07c", "ab c"),
    ],
)
def test_a_sign_without_a_shape_is_an_empty_square(text: str, shown: str) -> None:
    assert pdf._plain(text) == shown
