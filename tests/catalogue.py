"""Keeps the Indonesian catalogue in step with the code: `make catalogue`.

Collects every text that people read, puts the new ones into `dissem.po` without a translation, drops those that are
gone, and compiles `dissem.mo`. What a person then has to translate, or to look at again, is listed; the exit status is
1 while there is any. The same code and translations give the same bytes.

Collected are: what is given to `_()` and to every error of dissem as text or hint, in code and in templates;
descriptions of settings; the words of our enumerations; and the tables of `SENTENCES`. A text may also be chosen
(`a if x else b`), or stand in a name, a tuple or a dictionary of the same file.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dissem"
PO = PACKAGE / "locale" / "id" / "LC_MESSAGES" / "dissem.po"
MO = PO.with_suffix(".mo")

TEMPLATES = ("*.html", "*.jinja")
PLACES = {"_": 0, "doubt": 1}  # functions that take a text, and which argument it is; errors take it first
WORDS = ("dissem/desk/", "dissem/models/")  # where enumerations stand whose members people meet in sentences
SENTENCES = {  # tables whose rows are read far from where they stand; the first column is no text
    "dissem/cli/usage.py": ("_SAYINGS", "_VALUES"),
}


class Indonesian(Catalog):
    """A catalogue without dates and versions, which would change it when no text has changed."""

    def __init__(self) -> None:
        super().__init__("id", domain="dissem", fuzzy=False)
        self.header_comment = "# The Indonesian texts of dissem: translate here, then run `make catalogue`."

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Project-Id-Version", "dissem"),
            ("Language", "id"),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


# Collecting


def collected(package: Path = PACKAGE) -> dict[str, list[str]]:
    """Every text of *package* → the files it stands in, as paths from its parent, in the order of files and lines."""
    root = package.parent
    sources = [Source(str(file.relative_to(root)), file) for file in sorted(package.rglob("*.py"))]
    errors = _errors(sources)
    found: dict[str, list[str]] = {}
    for place, text in (*_in_code(sources, errors), *_in_templates(package)):
        if text and place not in found.setdefault(text, []):
            found[text].append(place)
    return found


def _in_code(sources: Iterable["Source"], errors: frozenset[str]) -> Iterator[tuple[str, str]]:
    for source in sources:
        for call in source.calls():
            for expression in _texts_of(call, source, errors):
                yield from ((source.place, text) for text in source.strings(expression, call))
        if source.place.startswith(WORDS):
            yield from ((source.place, word) for word in source.words())
        for table in SENTENCES.get(source.place, ()):
            yield from ((source.place, text) for text in source.table(table))


def _in_templates(package: Path) -> Iterator[tuple[str, str]]:
    from jinja2 import Environment
    from jinja2.ext import extract_from_ast

    environment = Environment(autoescape=True)
    for file in sorted(file for pattern in TEMPLATES for file in package.rglob(pattern)):
        for _line, _function, text in extract_from_ast(environment.parse(file.read_text("utf-8")), ("_",)):
            # with values for its places it comes as a tuple
            yield str(file.relative_to(package.parent)), text if isinstance(text, str) else str(text[0])


def _texts_of(call: ast.Call, source: "Source", errors: frozenset[str]) -> Iterator[ast.expr]:
    """The arguments of *call* that are texts."""
    name = _name(call.func)
    if source.is_error(call, errors):
        yield from call.args[:1]
    elif name in PLACES:
        yield from call.args[PLACES[name] :][:1]
    for given in call.keywords:
        if given.arg == "hint" or (given.arg == "description" and name == "Field"):
            yield given.value


def _errors(sources: Iterable["Source"]) -> frozenset[str]:
    """The names of DissemError and of all its descendants, wherever they stand."""
    bases = {node.name: {_name(base) for base in node.bases} for source in sources for node in source.classes()}
    known = {"DissemError"}
    while more := {name for name, above in bases.items() if name not in known and above & known}:
        known |= more
    return frozenset(known)


def _name(function: ast.expr) -> str:
    """The last name of a dotted one; empty for anything else."""
    return getattr(function, "id", "") or getattr(function, "attr", "")


@dataclass(frozen=True)
class Source:
    """One file of the code. *place*: its path as the catalogue names it."""

    place: str
    file: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.file.read_text("utf-8"))

    @cached_property
    def constants(self) -> Mapping[str, list[ast.expr]]:
        """Names of the module and what they stand for."""
        return _assigned(self.tree.body)

    @cached_property
    def functions(self) -> Mapping[ast.AST, Mapping[str, list[ast.expr]]]:
        """Every node of a function → the names of that function; of the innermost one, where they are nested."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        found: dict[ast.AST, Mapping[str, list[ast.expr]]] = {}
        for function in (node for node in ast.walk(self.tree) if isinstance(node, kinds)):  # outer ones first
            found |= dict.fromkeys(ast.walk(function), _assigned(ast.walk(function)))
        return found

    def calls(self) -> Iterator[ast.Call]:
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        yield from sorted(calls, key=lambda call: (call.lineno, call.col_offset))

    def classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))

    def words(self) -> Iterator[str]:
        """The values of all members of StrEnum classes."""
        for enumeration in self.classes():
            if "StrEnum" in {_name(base) for base in enumeration.bases}:
                for values in _assigned(enumeration.body).values():
                    yield from (value.value for value in values if isinstance(value, ast.Constant))

    def is_error(self, call: ast.Call, errors: frozenset[str]) -> bool:
        """Whether an error is made: by its own name, or by a name that stands for one."""
        name = _name(call.func)
        if name in errors:
            return True
        meant = self.functions.get(call, {}).get(name, ()) if isinstance(call.func, ast.Name) else ()
        return any(_name(node) in errors for expression in meant for node in _choices(expression))

    def table(self, name: str) -> Iterator[str]:
        """The strings of the constant *name*, a tuple of rows, the first column left out."""
        (rows,) = self.constants[name]
        for row in getattr(rows, "elts", ()):
            for cell in row.elts[1:]:
                yield from self.strings(cell, row)

    def strings(self, expression: ast.expr, near: ast.AST, followed: frozenset[str] = frozenset()) -> Iterator[str]:
        """Every string that *expression*, written beside *near*, may turn out to be."""
        match expression:
            case ast.Constant(value=str() as text):
                yield text
            case ast.Name(id=name) if name not in followed:
                meant = self.functions.get(near, {}).get(name) or self.constants.get(name, ())
                for one in meant:
                    yield from self.strings(one, near, followed | {name})
            case ast.Subscript(value=table):
                yield from self.strings(table, near, followed)
            case ast.Call(func=ast.Attribute(value=table, attr="get"), args=args):
                for one in (table, *args[1:]):
                    yield from self.strings(one, near, followed)
            case ast.JoinedStr():
                raise SystemExit(f"{self.place}:{expression.lineno}: a text is composed before it could be translated")
            case _:
                for one in _choices(expression):
                    if one is not expression:
                        yield from self.strings(one, near, followed)


def _choices(expression: ast.expr) -> Iterator[ast.expr]:
    """What *expression* comes to, its conditions left out."""
    match expression:
        case ast.IfExp(body=one, orelse=other):
            yield from (*_choices(one), *_choices(other))
        case ast.BoolOp(values=several) | ast.Tuple(elts=several) | ast.List(elts=several) | ast.Dict(values=several):
            for one in several:
                yield from _choices(one)
        case _:
            yield expression


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """Names → all that is ever assigned to them; `a, b = 1, 2` is two assignments."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=targets, value=value):
                pairs = [(target, value) for target in targets]
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                pairs = [(target, value)]
            case _:
                continue
        for target, value in pairs:
            for name, one in _unpacked(target, value):
                found.setdefault(name, []).append(one)
    return found


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=False):
            yield from _unpacked(one, other)


# The catalogue


def read(file: Path = PO) -> Indonesian:
    """What *file* has of texts and translations; nothing if it does not exist."""
    known = Indonesian()
    if file.exists():
        with file.open("rb") as source:
            for message in read_po(source, locale="id", domain="dissem"):
                if message.id:
                    known[message.id] = message
    return known


def update(catalogue: Indonesian, texts: Mapping[str, Iterable[str]]) -> int:
    """Make *catalogue* hold *texts*, translations kept, and answer how many others were dropped.

    A new text that is like one that was dropped gets its translation, marked fuzzy: to be looked at.
    """
    wanted = Indonesian()
    for text, places in texts.items():
        wanted.add(text, locations=[(place, 0) for place in places])
    catalogue.update(wanted)
    return len(catalogue.obsolete)


def as_po(catalogue: Catalog) -> bytes:
    out = BytesIO()
    write_po(out, catalogue, width=120, include_lineno=False, ignore_obsolete=True)
    return out.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    """Only what is translated and not fuzzy."""
    out = BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def open_messages(catalogue: Catalog) -> list[Message]:
    """What a person has yet to translate, or to look at again."""
    return [message for message in catalogue if message.id and (message.fuzzy or not message.string)]


def main() -> int:
    catalogue = read()
    dropped = update(catalogue, collected())
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(as_po(catalogue))
    MO.write_bytes(as_mo(catalogue))
    left = open_messages(catalogue)
    for message in left:
        sys.stdout.write(f"{'look again:' if message.fuzzy else 'translate:'} {message.id!r}\n")
    sys.stdout.write(f"{len(catalogue)} texts, {len(left)} to translate or to look at, {dropped} dropped.\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
