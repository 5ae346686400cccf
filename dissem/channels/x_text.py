"""How long X takes a text to be: weighted characters, after the published rules of twitter-text (configuration 3).

The text is counted in NFC. Latin and most alphabets weigh 1, everything else 2, a whole emoji sequence 2, and every
link 23 however long it is. A bare host such as `padang.go.id` is a link too; an e-mail address is not.
Rules: https://docs.x.com/fundamentals/counting-characters
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from dissem.channels.letters import pattern

LINK = 23
HEAVY = 2  # an emoji, or a character outside the light ranges
_LIGHT = (range(0x1100), range(0x2000, 0x200E), range(0x2010, 0x2020), range(0x2032, 0x2038))
_LONGEST_LABEL, _LONGEST_LINK = 63, 4096  # a host's label in its ASCII form; a link with its protocol

_COUNTRIES = """
    ac ad ae af ag ai al am an ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv
    bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et eu
    fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in
    io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf
    mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph
    pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy
    sz tc td tf tg th tj tk tl tm tn to tp tr tt tv tw tz ua ug uk um us uy uz va vc ve vg vi vn vu wf ws ye yt
    za zm zw
    香港 澳門 新加坡 台灣 台湾 中國 中国 한국 ไทย भारत இந்தியா இலங்கை சிங்கப்பூர் مليسيا مصر
    قطر عمان السعودية امارات ایران پاکستان рф укр срб бел бг мкд мон қаз гე ею
    ευ ελ հայ
"""
_GENERIC = """
    aaa abb abogado academy accountant accountants actor adult aero africa agency airforce amsterdam analytics
    android apartments app apple arab archi army art arte asia associates attorney auction audi audio author
    auto autos aws axa azure baby baidu band bank bar barcelona barclays bargains baseball basketball bbc beauty
    beer berlin best bet bible bid bike bing bingo bio biz black blackfriday blog bloomberg blue bmw boats bond
    boo book booking boston bot boutique box bradesco bridgestone broadway broker brother brussels build
    builders business buy buzz cab cafe call cam camera camp canon capetown capital car cards care career
    careers cars casa case cash casino cat catering catholic center ceo cern cfd channel charity chat cheap
    christmas chrome church circle cisco citi city claims cleaning click clinic clothing cloud club coach codes
    coffee college cologne com community company compare computer condos construction consulting contact
    contractors cooking cool coop corsica country coupon coupons courses credit creditcard cricket cruise
    cruises cymru cyou dad dance data date dating day dds deal dealer deals degree delivery dell deloitte
    democrat dental dentist desi design dev dhl diamonds diet digital direct directory discount diy docs doctor
    dog domains dot download drive dubai durban earth eat eco edu education email energy engineer engineering
    enterprises epson equipment ericsson erni esq estate eurovision eus events exchange expert exposed express
    fail faith family fan fans farm farmers fashion fast fedex feedback ferrari film final finance financial
    fire fish fishing fit fitness flickr flights florist flowers fly foo food football ford forex forsale forum
    foundation fox free frl fun fund furniture futbol fyi gal gallery game games garden gay gdn gent gift gifts
    gives giving glass global globo gmail gmbh gmx gold golf goo goog google gop got gov grainger graphics
    gratis green gripe grocery group guide guitars guru hair hamburg haus health healthcare help helsinki here
    hermes hiphop hitachi hiv hockey holdings holiday homes honda horse hospital host hosting hot hotels house
    how hsbc hyundai ibm icu ieee ikano immo immobilien inc industries info ing ink institute insurance insure
    int international investments irish ismaili ist istanbul itv jaguar java jeep jetzt jewelry jio jobs joburg
    jot joy juegos kaufen kddi kia kim kindle kitchen kiwi koeln kpmg kred kyoto lamborghini land lat latino law
    lawyer lds lease legal lego lexus lgbt life lifestyle lighting limited limo link live living llc loan loans
    locker lol london lotte lotto love ltd ltda luxe luxury madrid maison makeup man management mango map market
    marketing markets marriott mba med media meet melbourne meme memorial men menu miami microsoft mil mini mint
    mls mobi mobile moda moe moi mom money monster mormon mortgage moscow moto motorcycles mov movie museum
    music nab nagoya name navy nba net netflix network new news next nexus nfl ngo nhk nico nike nikon ninja
    nissan nokia now nrw ntt nyc observer office okinawa omega one ong onion onl online ooo open oracle orange
    org organic origins osaka ott ovh page panasonic paris partners parts party pay pet pharmacy phd philips
    phone photo photography photos physio pics pictures pid pin ping pink pioneer pizza place play plumbing plus
    pohl poker politie porn post press prime pro productions prof promo properties property protection pub pwc
    qpon quebec quest racing radio read realestate realtor realty recipes red rehab reise reisen reit ren rent
    rentals repair report republican rest restaurant review reviews rich rio rip rocks rodeo rsvp rugby ruhr run
    saarland safe safety sale salon samsung sap sarl save sbi school schule science scot search seat secure
    security seek select services sew sex sexy shell shiksha shoes shop shopping show singles site ski skin sky
    skype smile soccer social softbank software solar solutions song sony soy spa space sport spot srl stada
    star statebank stockholm storage store stream studio study style sucks supplies supply support surf surgery
    suzuki swiss sydney systems tab taipei taobao target tatar tattoo tax taxi team tech technology tel tennis
    theater theatre tickets tienda tips tires tirol today tokyo tools top toshiba total tours town toyota toys
    trade trading training travel trust tube tui tunes ubs university uno vacations vegas ventures versicherung
    vet viajes video villas vin vip virgin visa vision vivo vlaanderen vodka volvo vote voting voto voyage wales
    walmart wang watch watches weather web webcam weber website wed wedding weibo wien wiki win windows wine
    work works world wow wtc wtf xbox xerox xin xxx xyz yachts yahoo yandex yoga yokohama you youtube yun zara
    zero zip zone zuerich
    닷컴 닷넷 삼성 网络 网站 网店 网址 公司 商城 商店 政府 政务 机构 公益 在线 中文网 みんな ストア コム คอม कॉम नेट
    संगठन موقع شبكة بازار عرب كوم рус сайт орг онлайн москва дети ком
"""
_ENDINGS = frozenset({*_COUNTRIES.split(), *_GENERIC.split()})

_ACCENTED = r"\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F\u0253-\u02BB\u0300-\u036F\u1E00-\u1EFF"
_LETTER = r"[^\s\p{P}\p{Cc}\p{Cf}$+<=>^`|~]"  # of a host written after https://
_LATIN = rf"[a-z0-9{_ACCENTED}]"  # of a bare host: in a Chinese sentence it ends where the Latin letters end
_WORD = rf"a-z0-9{_ACCENTED}\u0400-\u04FF"
_GENERAL = rf"[{_WORD}!*';:=+,.$/%\#\[\]\-–_~@|&]"  # of a path
_BRACKETS = rf"\((?:{_GENERAL}++|\({_GENERAL}++\))++\)"
_LAST = rf"(?:[{_WORD}+\-=_\#/]|{_BRACKETS})"  # what a path may end with


def _host(letter: str) -> str:
    """Labels and a known ending; a repetition is possessive, so that no text takes more than linear time."""
    label = rf"(?={letter})(?:{letter}|[_-])++(?<![_-])\."
    name = rf"(?={letter})(?:{letter}|-)++(?<!-)\."
    return rf"(?:{label})*{name}(?:\L<endings>|xn--[a-z0-9-]+)(?![0-9a-z@+-])"


@cache
def _links_pattern() -> re.Pattern[str]:
    """Compiled when first needed: the many endings take a moment."""
    return pattern(
        rf"""(?xi)
        (?<![a-z0-9@＠$\#＃])
        (?: https?://(?P<host>{_host(_LETTER)}) | (?<![-_./])(?P<bare>{_host(_LATIN)}) )
        (?: :[0-9]++ )?
        (?: / (?: (?:{_GENERAL}|{_BRACKETS})*{_LAST} )? )?
        (?: \?[a-z0-9!?*'@();:&=+$/%\#\[\]\-_.,~|]*[a-z0-9\-_&=\#/] )?
        """,
        endings=_ENDINGS,
    )


_PICTURE = r"(?:\p{Emoji_Modifier_Base}\p{Emoji_Modifier}|(?![©®](?!\uFE0F))\p{Extended_Pictographic}\uFE0F?)"
_EMOJI = pattern(
    rf"""(?x)
    [0-9\#*]\uFE0F?\u20E3           # keycap
  | \p{{Regional_Indicator}}{{2}}      # flag of a country
  | {_PICTURE}(?:[\U000E0020-\U000E007E]+\U000E007F)?(?:\u200D{_PICTURE})*
    """
)


def weight(text: str) -> int:
    """The weighted length of *text*; a post may have 280."""
    text, total, start = unicodedata.normalize("NFC", text), 0, 0
    for link in _links(text):
        total += _without_links(text[start : link.start()]) + LINK
        start = link.end()
    return total + _without_links(text[start:])


def has_link(text: str) -> bool:
    """Whether X makes a link of anything in *text*."""
    return any(True for _ in _links(unicodedata.normalize("NFC", text)))


def unlinked(text: str) -> str:
    """*text* with a blank for everything that X makes a link of."""
    text, kept, start = unicodedata.normalize("NFC", text), [], 0
    for link in _links(text):
        kept.append(text[start : link.start()])
        start = link.end()
    return " ".join([*kept, text[start:]])


def _links(text: str) -> Iterator[re.Match[str]]:
    if "." not in text:
        return
    for found in _links_pattern().finditer(text):
        if len(found[0]) <= _LONGEST_LINK and all(
            _fits(label) for label in (found["host"] or found["bare"]).split(".")
        ):
            yield found


def _fits(label: str) -> bool:
    if label.isascii():
        return len(label) <= _LONGEST_LABEL
    return not label.lower().startswith("xn--") and len("xn--" + label.encode("punycode").decode()) <= _LONGEST_LABEL


def _without_links(text: str) -> int:
    rest, emoji = _EMOJI.subn("", text)
    return HEAVY * int(emoji) + sum(1 if any(ord(c) in block for block in _LIGHT) else HEAVY for c in rest)
