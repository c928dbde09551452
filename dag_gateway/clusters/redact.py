"""Takes out of foreign text what looks like a secret: conditions quote values, and containers log their environment.

No list of shapes is complete. What is told goes to the job's log, so a word too many is taken rather than one too few.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

_LONGEST = 1000

REDACTED = "[redacted]"
"""Stands for what was taken; redacting again changes nothing."""

_Shape = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_KEY = (
    r"(?:pass(?:word|wd|phrase|code)|[_.-]pass(?![a-z])|pwd|secret|token|credential|cookie|bearer"
    r"|(?:api|access|private|encryption|signing|account|master|shared|auth|session|client)[ _.-]?key"
    r"|(?<![a-z])auth(?=\\*[\"']))"
)
"""What names a secret when a value follows; ``DB_PASSWORD_FILE`` and ``"secretKey"`` hold it too."""

_START, _REST = r"[\w.-]{0,253}", r"[\w.-]{0,253}+"
"""A name around its key word. Unbounded, or tried again at every length, a long line of key words would take quadratic
time; the keys of a Secret and the names of objects have at most 253 characters (RFC 1123 subdomains).
"""

_REFERENCE = r"(?!s?[_.-]?(?:name|ref|keyref)\b)"
"""``secretName: web-tls`` names an object, which is what an explanation is about."""

_PROSE = (
    r"(?!(?:unexpected|invalid|expired|missing|malformed|unauthorized|denied|failed|cannot|could|not|no|yes|true|false"
    r"|serviceaccounts|Get|Post)\b(?!\S{0,253}\d))"
)
"""``failed to fetch oauth token: unexpected status`` goes on in words."""

_IS = r"(?:\\*[\"'][ \t]*[:=]|[ \t]*(?::=|=>|=)|[ \t]*:(?=[ \t]|\\*[\"']))[ \t]*"
"""A colon with a value right behind it may also be that of an image: ``registry.example.com/token-service:1.2``."""

_VALUE = rf"(?:\[redacted\]|\\+\"[^\"]*\"?|\"(?:\\.|[^\"\\])*\"?|'[^']*'?|{_PROSE}\S+)"


def redacted(text: str) -> str:
    """``text`` with each part that looks like a secret value replaced; names, digests and commit ids stay."""
    return _without(_NAMED, without_tokens(text))


def without_tokens(text: str) -> str:
    """``text`` without the values that show by their shape alone what they are: the net below everything that is told.

    A name before a colon says nothing here: in words of ours, ``auth-token: 1/3 pods ready``, it is that of a workload.
    """
    return _without(_MARKED, text)


def _without(shapes: Iterable[_Shape], text: str) -> str:
    for pattern, replacement in shapes:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=1024)
def quoted(text: str) -> str:
    """What a message of ours may quote of a foreign one: without secrets, at most 1000 characters.

    Cached, because a condition is judged again at each change of anything beside it.
    """
    return redacted(text[:_LONGEST])


def _unless_a_digest(match: re.Match[str]) -> str:
    """Long base64 mixes capitals, small letters and digits; digests, ids and names of objects do not."""
    value = match.group()
    mixed = all(re.search(kind, value) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return REDACTED if mixed else value


_MARKED: tuple[_Shape, ...] = (
    # RFC 7468; the last lines of a log may begin or end within a block. 100 lines hold an RSA key of 8192 bits.
    (re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL), REDACTED),
    (re.compile(r"(?:^[ \t]*[A-Za-z0-9+/=]+[ \t]*\r?\n){0,100}+-----END [A-Z0-9 ]+-----", re.MULTILINE), REDACTED),
    # RFC 9110, 11.4: a scheme and what follows it.
    (
        re.compile(
            r"(?i)\b(bearer|basic)[ \t]+(?!(?:auth\w*|tokens?|error|realm|scheme|credentials)\b)\w[^\s\"',;<>]{5,}"
        ),
        rf"\1 {REDACTED}",
    ),
    # RFC 3986, 3.2.1: user and password, or a token in place of the user.
    (re.compile(r"(://)[^\s/\"'<>]+@"), rf"\1{REDACTED}@"),
    # RFC 7519
    (re.compile(r"\beyJ[\w-]{6,1000}\.[\w-]{4,}(?:\.[\w-]*)*"), REDACTED),
    # The forges, AWS, Slack and Google mark their tokens, so that they are found.
    (re.compile(r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,})"), REDACTED),
    (re.compile(r"(?<![A-Za-z0-9])gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-[\w.-]{16,}"), REDACTED),
    (re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])"), REDACTED),
    (re.compile(r"(?<![A-Za-z0-9])(?:xox[abeoprs]-[\w-]{10,}|AIza[\w-]{35})"), REDACTED),
    # Whatever the name: long base64 behind ``=``, or alone on its line (the middle of a key).
    (re.compile(r"(?<==)[\"']?[\w+/-]{32,}={0,2}"), _unless_a_digest),
    (re.compile(r"(?m)^[ \t]*[A-Za-z0-9+/]{40,}={0,2}[ \t]*$"), _unless_a_digest),
)
"""From the whole to the part: what a shape has taken, the next ones leave as it is."""

_NAMED: tuple[_Shape, ...] = (
    (re.compile(r"(?i)(authorization\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?)[^\"'\r\n]+"), rf"\1{REDACTED}"),
    # An entry of a container's environment, as the API server quotes it.
    (
        re.compile(rf"(?i)(\bname{_IS}\\*[\"']?{_START}{_KEY}{_REST}\\*[\"']?,?\s*\\*[\"']?value{_IS}){_VALUE}"),
        rf"\1{REDACTED}",
    ),
    # A line of YAML holds one value, to its end.
    (
        re.compile(rf"(?im)^([ \t]*(?:-[ \t]+)?[\"']?{_START}{_KEY}{_REFERENCE}{_REST}[\"']?:[ \t]+){_PROSE}[^\s].*$"),
        rf"\1{REDACTED}",
    ),
    (re.compile(rf"(?i)({_KEY}{_REFERENCE}{_REST}{_IS}){_VALUE}"), rf"\1{REDACTED}"),
    # A field as Go prints it: ``{User:shop Password:...}``
    (re.compile(rf"(?i)((?<![-/]){_KEY}{_REFERENCE}[\w.]{{0,253}}+:){_VALUE}"), rf"\1{REDACTED}"),
    (
        re.compile(rf"(?i)((?<!\S)--?[\w-]{{0,253}}{_KEY}{_REFERENCE}[\w-]{{0,253}}+[ \t]+)(?!-){_VALUE}"),
        rf"\1{REDACTED}",
    ),
)
"""What a name in front of it makes a secret."""
