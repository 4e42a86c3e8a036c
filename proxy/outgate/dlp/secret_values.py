"""What a value says of itself: whether it was drawn by a machine, chosen by a person, or is no secret at all.

Knows single values, not where they stood: a placeholder of a manual, a masked value, a reference to a
variable, a name, a word. Never entropy alone: a hash is as random as a key, and a password need not be
random. Time is linear in the value, and values are at most some thousand characters.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

# Written where a secret would be: references, masks, and what a manual tells one to put there.
_REFERENCE = re.compile(
    r"\$[A-Za-z_({]|%[A-Za-z_]\w*%\Z|<[^>]*>?\Z|\[[^\]]*\]?\Z|\{[^}]*\}?\Z|@\w+@\Z|ENC\[|\{cipher\}|__\w+__\Z"
    r"|!(?:Ref|Sub|GetAtt|vault|secret|env)\b|(?:op|vault|ref\+\w+|sm|ssm|awssm|gcpsm|keyvault|env|file|secret)[:/]"
    r"|arn:|projects/|(?:data|module|local|var|each|self)\.",
    re.IGNORECASE,
)
_INSIDE = ("${", "{{", "$(", "#{", "<%", "%(", "$[", "***", "••", "...", "…", "____", "-----", "###", "???")
# In small letters and without what joins words: `Change_Me` is told as `changeme` is.
_JOINTS = str.maketrans("", "", " _.-")
# The claims that jwt.io shows, in base 64: John Doe, 1234567890.
_JOHN_DOE = ("eyjzdwiioiixmjm0nty3odkwiiwibmftzsi6ikpvag4grg9li",)
_TOLD = (
    *_JOHN_DOE,
    *(
        "example",
        "placeholder",
        "sample",
        "changeme",
        "changethis",
        "changeit",
        "redacted",
        "insert",
        "dummy",
    ),
    *(
        "replaceme",
        "replacethis",
        "replacewith",
        "fixme",
        "foobar",
        "goeshere",
        "lorem",
        "ipsum",
        "omitted",
        "masked",
    ),
    *("notset", "notareal", "notreal", "notused", "undefined", "your", "fake", "xxxxx", "0000000", "1111111"),
    *("mysecret", "mypass", "mytoken", "mykey", "myapi", "somesecret", "somepassword", "somekey"),
    *("123456", "abcdef", "qwerty", "qwertz", "deadbeef"),
    # What manuals write of basic authentication, in base 64: Aladdin (RFC 7617), user:pass, username:pass.
    *("wxhzgrpbj", "dxnlcjpwyxnz", "dxnlcm5hbwu6cgfzc"),
    # The test keys that Stripe's documentation shows to everybody, without their beginning.
    *("4ec39hqlyjwdarjtt1zdp7dc", "bqokikjovbii2hlwgh4olfq2"),
)
_LONG = 80  # code points from which on only the words that chance does not write are looked for
_TOLD_LONG = (
    "example",
    "placeholder",
    "changeme",
    "redacted",
    "replaceme",
    "replacethis",
    "replacewith",
    "goeshere",
    *_JOHN_DOE,
)
_TO_DO = frozenset({"todo", "tbd", "here"})
# Words that stand for a secret, or beside one, without being one.
WORDS = frozenset(
    """
    a access account admin administrator an and any api app application auth authentication authorization aws
    azure bar base basic baz bearer bool boolean bytes case change changed char client code config confirm correct
    credential credentials current custom data database db default demo dev developer development disabled empty
    enabled encrypted enter env environment error expired external fail failed false field file filled first foo
    for forgot from function generated github given global google guest hash hashed header hello hidden id in
    incorrect info input int integer internal invalid is it item key keys last level live local localhost login
    long master message missing mock mode model mongo must my mysql na name needed new nil no none normal
    not null number object of off ok old on only open optional or oracle other out pass passphrase passwd passwort
    password passwords path pg phrase pin plain please postgres private prod production protected public pwd random
    raw read redis regular required reset root safe same sandbox saved secret secrets secure see sensitive sent
    server service session set shared short should show shown signature simple some somepassword something staging
    standard str strategy string strong sudo sys system temp temporary test tester testing tests text that the
    this tiger tmp to token tokens true type unavailable undefined unknown unset update use used user username
    users using valid value values var variable vault via void was weak welcome with word world write wrong xxx yes
    you your zero
    contraseña contrasena clave secreta secreto mot passe mdp kennwort geheim geheimnis schlüssel benutzer usuario
    """.split()
)
# The most frequent pairs of letters in English and in names of code: a word is mostly made of these.
_PAIRS = frozenset(
    """
    ab ac ad ag ai al am an ap ar as at au ba be bi bl bo bu ca ce ch ci ck cl co cr ct cu da de di do ds du ea ec
    ed ee ef eg el em en ep er es et ev ex fa fe ff fi fl fo fr ge gi gr gs ha he hi ho ia ib ic id ie if ig il im
    in io ip ir is it iv iz ke la ld le li ll lo ls lt lu ly ma me mi mo mp na nc nd ne nf ng ni no ns nt nu ob oc
    od ol om on oo op or os ot ou ov ow pa pe pi pl po pp pr pt qu ra rc rd re rg ri rl rm rn ro rr rs rt ru ry sa
    sc se sh si sl so sp ss st su sy ta tc te th ti tl to tp tr ts tt tu ty ub ue ui ul um un up ur us ut va ve vi
    wa wi xt yp ze
    """.split()
)
_SEGMENT = re.compile(r"[A-Z]?[a-zß-öø-ÿ]+|[A-Z]+(?![a-z])|[0-9]+")
# Mean letters and digits of a segment, below which nobody wrote it: with digits, and with letters alone.
_RANDOM_SEGMENT, _RANDOM_CASES = 3.1, 3.0
_JOINED_SEGMENT = 2.8  # below it nobody joined words, whatever some segments look like
_JOINED = re.compile(r"(?:[a-z]+\d{0,4}|\d{1,8})(?:[-_](?:[a-z]+\d{0,4}|\d{1,8}))+")
_LEET = str.maketrans("@013457$!", "aoieastsi")


def entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    if not value:
        return 0.0
    return math.log2(len(value)) - sum(n * math.log2(n) for n in Counter(value).values() if n > 1) / len(
        value
    )


def placeholder(value: str) -> bool:
    """Stands for a secret: a reference to one, a mask, or what a manual writes in its place."""
    if len(set(value)) <= 3 or _REFERENCE.match(value):
        return True
    told = value.lower().translate(_JOINTS)
    if len(value) > _LONG:
        return any(word in told for word in _TOLD_LONG)
    if any(word in told for word in _TOLD) or not told.strip("x*#"):
        return True
    if any(sign in value for sign in _INSIDE):
        return True
    segments = _SEGMENT.findall(value)
    if (segments and segments[0].lower() in _TO_DO) or segments[-1:] == ["here"]:
        return True
    return _rest(segments) < 4 and kinds(value) < 4


def _rest(segments: list[str]) -> int:
    """Letters and digits that belong to no word that stands for a secret."""
    return sum(len(part) for part in segments if part.lower() not in WORDS)


def words(value: str) -> list[str]:
    """The letters and digits of a value as the words that they are joined of, in small letters."""
    return [part.lower() for part in _SEGMENT.findall(value)]


def only_words(value: str) -> bool:
    """Nothing but words that stand for a secret, and a few letters or digits: ``test_password1``."""
    return _rest(_SEGMENT.findall(value)) < 4


def common(value: str) -> bool:
    """A word for a secret dressed up: ``P@ssw0rd!``, ``SuperSecret123!``. A weak password, and a common example."""
    if len(value) > 24:
        return False
    plain = "".join(c for c in value.lower().translate(_LEET) if c.isalpha())
    return any(word in plain and len(plain) - len(word) <= 6 for word in _COMMON) or only_words(value)


_COMMON = (
    "password",
    "passwort",
    "passwd",
    "secret",
    "admin",
    "welcome",
    "letmein",
    "default",
    "login",
    "test",
)


def wordlike(letters: str) -> bool:
    """A run of letters that reads like a word."""
    folded = letters.lower()
    if len(letters) < 4 or folded in WORDS:
        return True
    pairs = [first + second in _PAIRS for first, second in pairwise(folded)]
    return sum(pairs) >= (0.55 if len(letters) > 4 else 0.34) * len(pairs)


def drawn(value: str) -> bool:
    """Drawn by a machine: hardly a word, little repeated, letters and digits or capitals mixed as nobody mixes them."""
    segments = _SEGMENT.findall(value)
    size = sum(map(len, segments))
    if size < 8 or entropy(value) < 0.66 * math.log2(min(len(value), 20)):
        return False
    if (
        sum(len(part) for part in segments if len(part) > 3 and part.isalpha() and wordlike(part))
        >= 0.5 * size
    ):
        return False
    if not any(part.isdigit() for part in segments):
        mixed = value.lower() != value != value.upper()
        return (mixed and size / len(segments) < _RANDOM_CASES) or (size >= 16 and len(segments) == 1)
    return size / len(segments) < _RANDOM_SEGMENT or size >= 12


def camel(value: str) -> bool:
    """Letters in words with capitals: ``userName``, ``HTTPServer``."""
    segments = _SEGMENT.findall(value)
    words = sum(len(part) for part in segments if len(part) > 2 and wordlike(part))
    return words >= 0.6 * len(value) or (len(segments[-1]) > 2 and segments[-1].lower() in WORDS)


_DIGIT = re.compile(r"\d")
_SIGN = re.compile(r"[^\w\s]|_")


def kinds(value: str) -> int:
    """How many there are of: small letters, capitals, digits, anything else."""
    return (
        (value.upper() != value)
        + (value.lower() != value)
        + (_DIGIT.search(value) is not None)
        + (_SIGN.search(value) is not None)
    )


_NOT_A_SECRET = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:)?//|[a-z][a-z0-9+.-]{1,12}://"  # a URL, which its own rule looks into
    r"|(?:\.{0,2}/|~/|[A-Za-z]:\\|\\\\)"  # a path
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+\Z"  # an e-mail address
    r"|\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}|v?\d+(?:\.\d+){1,3}(?:[-+][\w.]+)?\Z"  # a date, a time, a version
    r"|\d{1,4}(?:-[^\W\d_]{2,})+\Z"  # an adjective: 12-stellig, 64-bit
    r"|[+-]?\d+(?:[.,]\d+)*(?:ms|s|m|h|d|kb|mb|gb|px|%|em|rem)?\Z|0x[0-9a-f]{1,8}\Z|\#[0-9a-f]{3,8}\Z"  # a number
    r"|pk[_.-]|phc_|sb_publishable_|sq0id|FLWPUBK|(?:pub|sub)-c-|mob-"  # a key that is meant to be published
    r"|Ag[A-D][\w+/=]{300}"  # a value of a SealedSecret, which only its cluster opens
    r"|(?:sha-?\d{1,3}|md[245]|argon2(?:id|i|d)?|pbkdf2\w{0,12}|aes-?\d{3}(?:-\w{2,12}){0,2}|[hrep]s\d{3}|x25519|ed25519)\Z"
    r"|(?:sha\d{1,3}|md5)[-:]|data:|&(?:\#|lt|gt|quot|amp)|(?:application|text|image|multipart)/",
    re.IGNORECASE,
)
_ENDINGS = frozenset(
    """
    pem key crt cer txt json yaml yml env py js ts java go rb php html htm css xml md log conf cfg ini sh sql csv png
    """.split()
)
_PATH = re.compile(r"(?=(?:.*/)?[a-z][a-z_-]{2,}/)(?:[\w.@-]+/)+[\w.@-]*")
_BASE64 = re.compile(r"/[A-Za-z0-9+/]{30,}={0,2}")
_WORDS_OF_A_PATH = re.compile(r"(?:/[A-Za-z]?[a-z]{2,}){2}|/[A-Z]?[a-z]{3,}/|\A/[A-Za-z]?[a-z]{2,}(?:/|\Z)")
_CODE = re.compile(
    r"\\x[0-9A-Fa-f]{2}|\\[dws]|\[\^|\[[^\]]*\w-\w|\][+*]|\.\*|[\w)\]]\(|\(\)|^[\w.]+\[|\]\.|=>|->|::|&&|\|\||==(?!\Z)|!=|^(?:new|await|function|lambda|return|async|not)\b"
    r"|^(?:this|self|os|process|env|config|settings|args|ctx|req|request|res|options|params|props|state|app|user"
    r"|secrets|options|opts|cfg|conf|data|input|event|body|form|session|window|document|context|flags|vars|std)\b[.\[]"
    r"|^[A-Za-z_]\w*(?:\??\.[A-Za-z_]\w*)+$"  # an attribute: user.password2
)
_CODE_SIGNS = frozenset("()[]{}.=>:|&!\\ *")
_KEYBOARD = re.compile(r"[!-~]{24,128}")  # what prints, without blanks
_WRITTEN = ("\\", ".*", "(?", "[^", "a-z", "A-Z", "0-9", "{", "://")  # patterns, templates, addresses
_HASH = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[A-Za-z][A-Za-z0-9]*(?:[.:/_-][A-Za-z0-9]+)*")


def another_thing(value: str) -> bool:
    """Looks like something that is no secret: a path, a URL, a date, a number, a version."""
    if _BASE64.fullmatch(value) and kinds(value) >= 3 and drawn(value) and not _WORDS_OF_A_PATH.search(value):
        return False  # one in 64 begins as a path does
    if _NOT_A_SECRET.match(value) or ("/" in value and _PATH.fullmatch(value)):
        return True
    return "." in value and value.rpartition(".")[2].lower() in _ENDINGS


def code(value: str) -> bool:
    """An expression of a program: a call, an attribute, an operator."""
    return not _CODE_SIGNS.isdisjoint(value) and _CODE.search(value) is not None


def keyboard(value: str) -> bool:
    """Drawn from all keys, signs too, as Django and WordPress draw theirs; it may read like an expression."""
    if not _KEYBOARD.fullmatch(value) or any(part in value for part in _WRITTEN):
        return False
    signs = {c for c in value if not c.isalnum()}
    letters = [part for part in _SEGMENT.findall(value) if len(part) > 3 and part.isalpha()]
    words = sum(len(part) for part in letters if wordlike(part))
    return len(signs) >= 5 and words < 0.25 * len(value) and entropy(value) > 4.0


def name(value: str) -> bool:
    """An identifier: words joined as programs join them, not drawn by a machine."""
    return bool(_NAME.fullmatch(value)) and not drawn(value)


def holds_words(value: str) -> bool:
    """A name a quarter of which or more is words, whatever else: ``SEC_PKCS12PrivateKey``."""
    if not _NAME.fullmatch(value):
        return False
    segments = _SEGMENT.findall(value)
    if len(value) >= 20 and sum(map(len, segments)) < _JOINED_SEGMENT * len(segments):
        return False  # one in ten long keys has a run of letters that would pass for a word
    words = [part for part in segments if len(part) > 3 and part.isalpha() and wordlike(part)]
    return sum(map(len, words)) >= len(value) / 4


def joined_words(value: str) -> bool:
    """Words and numbers joined as names of things are: ``my-release-tls2026``."""
    return bool(_JOINED.fullmatch(value)) and any(
        len(part) > 3 and part.isalpha() and wordlike(part) for part in _SEGMENT.findall(value)
    )


def digest(value: str) -> bool:
    """Has the length and alphabet of a hash, or the form of a UUID: whether it is a secret, only its name says."""
    return bool(_HASH.fullmatch(value) or _UUID.fullmatch(value))


def name_of_words(value: str) -> bool:
    """Words of four letters and more, joined: ``my_loading_spinner``; no machine draws that."""
    words = [part for part in _SEGMENT.findall(value) if len(part) > 3 and part.isalpha() and wordlike(part)]
    return sum(map(len, words)) > 0.6 * len(value)
