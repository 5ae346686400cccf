"""Texts for posts: Markdown made plain, cut so that everybody sees it, continued in a chain, words made hashtags.

Every platform counts in its own way, so nothing here counts by itself: *length* is the platform's own counting.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import count, islice
from typing import TYPE_CHECKING

from dissem.channels import letters

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

Length = Callable[[str], int]

MORE = "…"
PARAGRAPH = "\n\n"

_BLANKS = re.compile(r"\s+")
_LINK = re.compile(r"https?://\S+|(?<![a-z0-9.-])(?:[a-z0-9-]+\.)+[a-z]{2,}\S*", re.IGNORECASE)
# "Jl. Sudirman", "Drs. H. Amir" and the "1." of a list go on after their full stop.
_SENTENCE = letters.pattern(r"""(?m)(?:[!?…]|(?<!\b\p{Lu}\p{Ll}{0,2}|^\s*\d+)\.)["'”’»)\]]*(?=\s)""")
_LOOSE = " \n\t,;:–-•…(["  # not left standing in front of the mark
_WORDS = letters.pattern(r"[\p{L}\p{M}\p{Nd}_]+")
_ALPHABETIC = letters.pattern(r"\p{L}")
_APOSTROPHES = str.maketrans("", "", "'’‘ʼ`")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")


def from_markdown(markdown: str) -> str:
    """*markdown* as plain text for a post.

    Paragraphs, line breaks and lists ("•") stay; headings become lines of their own, emphasis is dropped, a link
    becomes "text (address)", a picture its alternative text. HTML is not understood: it stays as it was typed.
    """
    from markdown_it.tree import SyntaxTreeNode

    text = _blocks(SyntaxTreeNode(_parser().parse(printable(markdown))))
    lines = (line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", PARAGRAPH, "\n".join(lines)).strip()


def printable(text: str) -> str:
    """*text* without control characters, which come along from office programs; its lines end with a line feed."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """*text* printable, and in one line with single blanks."""
    return " ".join(printable(text).split())


def shorten(text: str, limit: int, length: Length) -> str:
    """*text* if it fits, else as much of its beginning as fits, with "…" where it was cut.

    It is cut after a sentence where that costs little, else after a word; inside a word only when the word alone is
    too long, and never inside a link or a letter made of several characters. If nothing fits, "…" remains.
    """
    text = text.strip()
    if length(text) <= limit:
        return text
    places = _Places(text)
    end = places.end(0, lambda piece: length(_with_more(piece)) <= limit, (places.sentences,))
    return _with_more(text[:end].rstrip())


def split(text: str, limit: int, length: Length) -> list[str]:
    """*text* in pieces that fit, to be read one after the other; more than one are marked " (1/3)", which is counted.

    Pieces end with a paragraph, a sentence or a word, whichever leaves no large gap. No word is lost; only what does
    not fit on its own, be it a word, a link or a letter, is cut. ValueError if *limit* has no room even for that.
    """
    text = text.strip()
    if length(text) <= limit:
        return [text]
    for most in (10**digits - 1 for digits in count(1)):
        pieces = list(islice(_pieces(text, most, limit, length), most + 1))
        if len(pieces) <= most:
            break
    return [piece + _mark(number, len(pieces)) for number, piece in enumerate(pieces, 1)]


def hashtag(tag: str) -> str:
    """*tag* as a word that platforms take after "#": "pasar raya" → "PasarRaya". Empty if it has no letter."""
    words = _WORDS.findall(tag.translate(_APOSTROPHES))
    if not any(_ALPHABETIC.search(word) for word in words):
        return ""
    return words[0] if len(words) == 1 else "".join(word[0].upper() + word[1:] for word in words)


# Where a text may be cut


class _Places:
    """The positions in a text where a piece may end, coarse and fine; the end of the text is one of them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.all_letters = letters.ends(text)
        inside = {at for link in _LINK.finditer(text) for at in range(link.start() + 1, link.end())}
        self.letters = [at for at in self.all_letters if at not in inside]
        whole = {*self.all_letters}
        blanks = [blank for blank in _BLANKS.finditer(text) if blank.start() in whole]
        self.words = [*(blank.start() for blank in blanks), len(text)]
        self.paragraphs = [blank.start() for blank in blanks if PARAGRAPH in blank[0]]
        ends = {sentence.end() for sentence in _SENTENCE.finditer(text)}
        self.sentences = [blank.start() for blank in blanks if "\n" in blank[0] or blank.start() in ends]

    def end(self, start: int, fits: Callable[[str], bool], coarse: Sequence[Sequence[int]]) -> int:
        """Where the piece that begins at *start* ends: at the last of the *coarse* places that fills at least half
        of the room, else after the last word that fits; *start* itself if not even a letter does."""
        most = self._furthest(self.letters, start, fits)
        if most == len(self.text):
            return most
        far = self._last(self.words, start, start, most, fits)
        if not self._fits_alone(far, fits):
            far = most  # a script without blanks, or nonsense
        least = start + (far - start) // 2
        fuller = (self._last(ends, start, least, far, fits) for ends in coarse)
        return next((end for end in fuller if end > start), far)

    def end_anywhere(self, start: int, fits: Callable[[str], bool]) -> int:
        """The same for what has no good place: inside a link, or even inside a letter."""
        far = self._furthest(self.all_letters, start, fits)
        return far if far > start else self._furthest(range(start + 1, len(self.text) + 1), start, fits)

    def _fits_alone(self, end: int, fits: Callable[[str], bool]) -> bool:
        """Whether the word after *end* needs no more than a piece of its own."""
        begin = _after_blanks(self.text, end)
        return self._furthest(self.letters, begin, fits) >= self.words[bisect_right(self.words, begin)]

    def _last(self, ends: Sequence[int], start: int, least: int, most: int, fits: Callable[[str], bool]) -> int:
        """The last of *ends* after *least* and up to *most* that fits, or *start*."""
        near = reversed(ends[bisect_right(ends, least) : bisect_right(ends, most)])
        return next((end for end in near if fits(self.text[start:end])), start)

    def _furthest(self, ends: Sequence[int], start: int, fits: Callable[[str], bool]) -> int:
        """The last of *ends* after *start* that fits, or *start*. Looks no further than about twice as far, so that
        the time taken depends on the room and not on the text."""
        first = bisect_right(ends, start)
        good, bad, step = first - 1, first, 1
        while bad < len(ends) and fits(self.text[start : ends[bad]].rstrip()):
            good, bad, step = bad, bad + step, step * 2
        bad = min(bad, len(ends))
        while bad - good > 1:
            middle = (good + bad) // 2
            if fits(self.text[start : ends[middle]].rstrip()):
                good = middle
            else:
                bad = middle
        return ends[good] if good >= first else start


def _with_more(kept: str) -> str:
    """*kept* and the mark: close to a word, apart from a sentence's end and from a link, which it would break."""
    kept = kept.rstrip(_LOOSE)
    if not kept:
        return MORE
    last = kept.split()[-1]
    apart = last[0] in "#@" or last[-1] in ".!?" or _LINK.search(last)
    return f"{kept} {MORE}" if apart else kept + MORE


def _pieces(text: str, most: int, limit: int, length: Length) -> Iterator[str]:
    """Pieces with room for the marks of a chain of *most*."""
    places, start = _Places(text), 0
    for number in count(1):
        mark = _mark(number, most)

        def fits(piece: str, mark: str = mark) -> bool:
            return length(piece + mark) <= limit

        end = places.end(start, fits, (places.paragraphs, places.sentences))
        end = end if end > start else places.end_anywhere(start, fits)
        if end == start:
            raise ValueError(f"a limit of {limit} has no room for a mark and one letter")
        yield text[start:end].rstrip()
        start = _after_blanks(text, end)
        if start == len(text):
            return


def _after_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at


def _mark(number: int, of: int) -> str:
    return f" ({number}/{of})"


# Markdown


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _blocks(node: "SyntaxTreeNode", between: str = PARAGRAPH) -> str:
    return between.join(text for text in map(_block, node.children) if text)


def _block(node: "SyntaxTreeNode") -> str:
    match node.type:
        case "paragraph" | "heading" | "th" | "td":
            return _inline(node)
        case "bullet_list":
            return "\n".join(_item(item, "•") for item in node.children)
        case "ordered_list":
            first = int(node.attrs.get("start", 1))
            return "\n".join(_item(item, f"{number}.") for number, item in enumerate(node.children, first))
        case "table" | "thead" | "tbody":
            return _blocks(node, "\n")
        case "tr":
            return _blocks(node, " | ")
        case "fence" | "code_block":
            return node.content.rstrip()
        case _:  # a quotation; a line across, which has nothing inside
            return _blocks(node)


def _item(node: "SyntaxTreeNode", mark: str) -> str:
    return f"{mark} " + _blocks(node, "\n").replace("\n", "\n  ")


def _inline(node: "SyntaxTreeNode") -> str:
    return "".join(map(_piece, node.children))


def _piece(node: "SyntaxTreeNode") -> str:
    match node.type:
        case "softbreak" | "hardbreak":
            return "\n"  # staff end a line where they want one to end
        case "link":
            return _linked(_inline(node), str(node.attrs.get("href", "")))
        case _:
            return _inline(node) if node.children else node.content


def _linked(text: str, address: str) -> str:
    """Both, or one where they say the same; an address that leads nowhere outside its page is left out."""
    shown = address.removeprefix("mailto:").removeprefix("tel:")
    if shown == address and "://" not in address:
        return text
    bare = shown.removeprefix("https://").removeprefix("http://").rstrip("/")
    same = not text.strip() or text.strip() in (address, shown) or text.strip().rstrip("/") == bare
    return shown if same else f"{text} ({shown})"
