"""Values that nobody needs to hide and that look as if: hashes, ids, versions, encoded pictures, prose.

Numbers are drawn until they are no valid card, account or person's number, so that what a tool finds in them
is wrong and not luck.
"""

from __future__ import annotations

import base64
import math
import random
import re
import string
import struct
import zlib
from collections.abc import Callable

from .checksums import luhn_holds, weighted
from .document import Value

_IDENTIFIERS = (
    "buffer cache client config context cursor entry event field filter frame handler header index item job key layer limit list lock "
    "log map merge message mode model name node offset option order page parser path pool queue range reader record request response "
    "result retry route row rule schema scope segment server session shape slot source stage state status step stream table task "
    "template timer trace tree type update value vector version view window worker writer"
).split()
_VERBS = "add apply build cache check clear close compute copy create decode drop emit fetch find flush get handle init load make merge open parse push read remove render reset resolve run save scan send set split start stop sync update validate wrap write".split()
_NOUNS = (
    "schedule|migration|dashboard|release|deployment|test suite|backlog|parser|invoice run|index|retention rule|pipeline|cache|rollout|budget|"
    "survey|warehouse|data model|search page|import job|checkout flow|onboarding guide|style guide|network layer|garden|kitchen|harvest|"
    "recipe|bridge|timetable|classroom|lecture|novel|orchestra|glacier|coastline|engine|bicycle|workshop"
).split("|")
_ADJECTIVES = "slow stable quarterly unusual shared nightly internal weekly second largest early remaining dull careful gentle recent narrow steady quiet open broken new".split()
_DOING = (
    "needs more work|was finished last week|runs twice a day|is easier to read now|should be simpler|failed again on Monday|went better than planned|"
    "depends on the weather|takes about ten minutes|has grown since spring|is described in the second chapter|costs less than before|"
    "will be reviewed in the autumn|was moved to another shelf|keeps its shape|is hard to explain|works without a network"
).split("|")
_PACKAGES = "lodash express react webpack requests numpy urllib3 serde tokio rand attrs certifi chardet pluggy rollup vite chalk semver glob minimist debug async yargs hyper regex bytes anyhow cobra zap viper".split()
_WORDS = (
    "the of and to in that is was it for on with as at by from this which were are not have but be or an they one all their we more "
    "when there been has would who will no if out so what up into than them can only other time new some could these two may then"
).split()


# Software that has the name of no company, and looks to a model like a person, a place or an organisation.
_PRODUCTS = (
    "Kubernetes PostgreSQL Terraform React Python Jenkins Kafka Helm Nginx Webpack Pandas Airflow Django Flask Angular Ansible Gradle Maven "
    "Lambda Celery Julia Ruby Rust Perl Emacs Vim Excel Selenium Cypress Jupyter Fargate EKS S3 Bootstrap Tailwind Svelte Prometheus Kibana"
).split()


def _from(alphabet: str) -> Callable[[random.Random, int], str]:
    return lambda source, length: "".join(source.choices(alphabet, k=length))


hexadecimal = _from("0123456789abcdef")
_alnum = _from(string.ascii_letters + string.digits)
_base64 = _from(string.ascii_letters + string.digits + "+/")


def valid_by_accident(digits: str) -> bool:
    """Whether a run of digits is one that a checksum would take for a card's, a person's or a bank's."""
    if 13 <= len(digits) <= 19 and digits[0] in "23456" and luhn_holds(digits):
        return True
    if len(digits) == 10:
        check = (11 - weighted(digits[:9], range(10, 1, -1)) % 11) % 11
        return check == int(digits[9]) or luhn_holds("80840" + digits)
    if len(digits) == 9:
        eleven = weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0
        return eleven or luhn_holds(digits) or weighted(digits, (3, 7, 1) * 3) % 10 == 0
    return len(digits) == 11 and (
        luhn_holds(digits)
        or weighted(digits[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10 == -int(digits[10]) % 10
    )


def number(source: random.Random, length: int) -> str:
    """So many digits, the first not 0, valid as nothing."""
    while True:
        digits = str(source.randint(10 ** (length - 1), 10**length - 1))
        if not valid_by_accident(digits):
            return digits


def sentence(source: random.Random) -> str:
    """Prose about nothing, without a name in it."""
    noun, other = source.choice(_NOUNS), source.choice(_NOUNS)
    shapes = (
        f"The {source.choice(_ADJECTIVES)} {noun} {source.choice(_DOING)}.",
        f"After the {noun}, the {other} {source.choice(_DOING)}.",
        f"Nobody expected that the {noun} {source.choice(_DOING)}, but it did.",
        f"We compared the {noun} with the {source.choice(_ADJECTIVES)} {other}; the first {source.choice(_DOING)}.",
        f"If the {noun} {source.choice(_DOING)}, the {other} can wait until {source.choice(['Friday', 'next month', 'March', 'the end of the year'])}.",
        f"About {source.randint(2, 90)} percent of each {noun} {source.choice(_DOING)}.",
        f"Most of what is said of a {noun} is said of a {other} too.",
        f"{source.choice(_PRODUCTS)} and {source.choice(_PRODUCTS)} {source.choice(['were', 'are'])} not needed for the {noun}.",
        f"Since the {noun} runs on {source.choice(_PRODUCTS)}, it {source.choice(_DOING)}.",
    )
    return source.choice(shapes)


def paragraph(source: random.Random, length: int) -> str:
    """So many sentences."""
    return " ".join(sentence(source) for _ in range(length))


def identifier(source: random.Random) -> str:
    """A name as programs use it, in snake case."""
    return "_".join(source.sample(_IDENTIFIERS, source.randint(1, 3)))


def camel(source: random.Random) -> str:
    """A name in camel case."""
    first, *rest = source.choice(_VERBS), *source.sample(_IDENTIFIERS, source.randint(1, 2))
    return first + "".join(word.title() for word in rest)


def png(source: random.Random, length: int) -> str:
    """Base64 of a picture with ``length`` bytes of pixels: a real PNG, of noise."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    width = max(1, math.isqrt(length))
    rows = b"".join(b"\0" + source.randbytes(width) for _ in range(width))
    header = struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return base64.b64encode(data).decode()


def hexdump(source: random.Random, lines: int) -> str:
    """As ``xxd`` prints it."""
    out = []
    for line in range(lines):
        data = source.randbytes(16)
        pairs = " ".join(data[i : i + 2].hex() for i in range(0, 16, 2))
        shown = "".join(chr(b) if 32 <= b < 127 and b not in (171, 187) else "." for b in data)
        out.append(f"{line * 16:08x}: {pairs}  {shown}")
    return "\n".join(out)


def svg_path(source: random.Random, steps: int) -> str:
    """The ``d`` of a path."""
    parts = [f"M{source.uniform(0, 512):.2f} {source.uniform(0, 512):.2f}"]
    for _ in range(steps):
        count = {"L": 2, "C": 6, "Q": 4, "h": 1, "v": 1}
        letter = source.choice(list(count))
        parts.append(
            letter
            + " ".join(f"{source.uniform(-99, 512):.{source.randint(0, 3)}f}" for _ in range(count[letter]))
        )
    return "".join(parts) + "z"


def minified(source: random.Random, length: int) -> str:
    """JavaScript as a bundler leaves it, about so many characters."""
    letters = string.ascii_lowercase
    parts, size = [], 0
    while size < length:
        a, b, c = source.sample(letters, 3)
        piece = source.choice(
            (
                f"function {a}({b},{c}){{return {b}.{camel(source)}({c}>>>{source.randint(1, 31)},{source.randint(2, 9999)})}}",
                f"var {a}=n({number(source, source.choice([3, 4, 5]))}),{b}=n.n({a});",
                f'e.exports=JSON.parse(\'{{"{identifier(source)}":{source.randint(0, 99)},"{identifier(source)}":"{source.choice(_WORDS)}"}}\');',
                f"{a}.prototype.{camel(source)}=function({b}){{for(var {c}=0;{c}<{b}.length;{c}++)this.{identifier(source)}[{c}]^={b}[{c}]&{source.randint(1, 255)}}};",
                f'{a}.default={{token:{b},key:"{source.choice(_IDENTIFIERS)}",secret:!{source.randint(0, 1)},password:void 0}};',
                f'switch({a}.type){{case"{source.choice(_IDENTIFIERS)}":return{{...{b},{source.choice(_IDENTIFIERS)}:{c}.payload}};default:return {b}}}',
                f"const {a}=Uint32Array.of({','.join('0x' + hexadecimal(source, 8) for _ in range(source.randint(2, 9)))});",
                f'{a}.push(["{hexadecimal(source, 8)}","{source.choice(_WORDS)}-{hexadecimal(source, 6)}.js"]),',
            )
        )
        parts.append(piece)
        size += len(piece)
    return "".join(parts)


def isbn(source: random.Random) -> str:
    """ISBN-13, valid as that; none that is a card's number too."""
    while True:
        body = "978" + "".join(source.choices(string.digits, k=9))
        text = body + str(-weighted(body, (1, 3) * 6) % 10)
        if not luhn_holds(text):
            return f"{text[:3]}-{text[3]}-{text[4:8]}-{text[8:12]}-{text[12]}"


def tracking(source: random.Random) -> str:
    """A parcel's number in the shape of one carrier or another."""
    return source.choice(
        (
            lambda: (
                "1Z"
                + "".join(source.choices(string.ascii_uppercase + string.digits, k=6))
                + number(source, 10)
            ),
            lambda: number(source, 12),
            lambda: (
                f"{source.choice(['RR', 'CP', 'EE'])}{number(source, 9)}{source.choice(['DE', 'GB', 'FR'])}"
            ),
            lambda: f"00{number(source, 18)}",
        )
    )()


def order(source: random.Random) -> str:
    """The number of an order, in the shapes of some shops; long ones fail Luhn."""
    while True:
        text = source.choice(
            (
                f"ORD-{number(source, 8)}",
                f"#{number(source, 7)}",
                f"{number(source, 3)}-{number(source, 7)}-{number(source, 7)}",
                number(source, 10),
            )
        )
        digits = re.sub(r"\D", "", text)
        if len(digits) < 13 or not luhn_holds(digits):
            return text


def sku(source: random.Random) -> str:
    """A catalogue's own number."""
    letters = "".join(source.choices(string.ascii_uppercase, k=source.randint(2, 3)))
    return source.choice(
        (
            f"{letters}-{number(source, 5)}-{source.choice('SMLX')}",
            number(source, 10),
            f"{letters}{number(source, 8)}",
        )
    )


def version(source: random.Random) -> str:
    """A release's number; one in thirty has four parts and could be an IP address."""
    parts = [source.randint(0, 24) for _ in range(4 if source.random() < 1 / 30 else 3)]
    return ".".join(map(str, parts)) + source.choice(
        ["", "", "", "-rc.1", "-beta.2", "+build.77"] if len(parts) == 3 else [""]
    )


def timestamp(source: random.Random) -> str:
    """RFC 3339, or as logs have it."""
    day = f"{source.randint(2019, 2026)}-{source.randint(1, 12):02d}-{source.randint(1, 28):02d}"
    clock = f"{source.randint(0, 23):02d}:{source.randint(0, 59):02d}:{source.randint(0, 59):02d}"
    return source.choice(
        (
            f"{day}T{clock}Z",
            f"{day} {clock},{source.randint(0, 999):03d}",
            f"{day}T{clock}.{source.randint(0, 999999):06d}+00:00",
            f"{day} {clock}",
        )
    )


def uuid(source: random.Random) -> str:
    """RFC 9562, version 4."""
    digits = hexadecimal(source, 32)
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{source.choice('89ab')}{digits[17:20]}-{digits[20:]}"
    )


def _sri(source: random.Random) -> str:
    return "sha512-" + base64.b64encode(source.randbytes(64)).decode()


def _placeholder(source: random.Random) -> str:
    return source.choice(
        'YOUR_API_KEY|<your-token>|changeme|xxxxxxxxxxxxxxxx|${API_KEY}|{{ secrets.TOKEN }}|sk-...|REPLACE_ME|os.environ["API_KEY"]|'
        "process.env.SECRET|********|$TOKEN|<password>|AKIAIOSFODNN7EXAMPLE|dummy|null|ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".split(
            "|"
        )
    )


def _example_address(source: random.Random) -> str:
    return f"{source.choice(['user', 'me', 'you', 'jane', 'admin', 'alice'])}@{source.choice(['example.com', 'example.org', 'example.net', 'domain.test'])}"


_FIELDS: dict[str, Callable[[random.Random, int], str]] = {
    "hex": lambda s, n: hexadecimal(s, n or 8),
    "alnum": lambda s, n: _alnum(s, n or 12),
    "sha1": lambda s, n: hexadecimal(s, 40),
    "sha256": lambda s, n: hexadecimal(s, 64),
    "md5": lambda s, n: hexadecimal(s, 32),
    "sri": lambda s, n: _sri(s),
    "gosum": lambda s, n: "h1:" + base64.b64encode(s.randbytes(32)).decode(),
    "uuid": lambda s, n: uuid(s),
    "int": lambda s, n: number(s, n or s.randint(1, 6)),
    "small": lambda s, n: str(s.randint(0, n or 99)),
    "float": lambda s, n: f"{s.uniform(-9, 999):.{n or 3}f}",
    "unit": lambda s, n: f"{s.random():.{n or 4}f}",
    "version": lambda s, n: version(s),
    "timestamp": lambda s, n: timestamp(s),
    "date": lambda s, n: f"{s.randint(2019, 2026)}-{s.randint(1, 12):02d}-{s.randint(1, 28):02d}",
    "clock": lambda s, n: f"{s.randint(0, 23):02d}:{s.randint(0, 59):02d}:{s.randint(0, 59):02d}",
    "epoch": lambda s, n: str(s.randint(1_600_000_000, 1_799_999_999)),
    "millis": lambda s, n: str(s.randint(1_600_000_000_000, 1_799_999_999_999)),
    "word": lambda s, n: s.choice(_WORDS),
    "noun": lambda s, n: s.choice(_NOUNS),
    "adjective": lambda s, n: s.choice(_ADJECTIVES),
    "name": lambda s, n: identifier(s),
    "camel": lambda s, n: camel(s),
    "pascal": lambda s, n: "".join(w.title() for w in s.sample(_IDENTIFIERS, 2)),
    "upper": lambda s, n: identifier(s).upper(),
    "package": lambda s, n: s.choice(_PACKAGES) + s.choice(["", "", "-core", "-utils", "-types", "2"]),
    "path": lambda s, n: "/".join(s.sample(_IDENTIFIERS, s.randint(2, 4))) + s.choice([".py", ".ts", ".go", ".rs", ".c", ".java"]),
    "sentence": lambda s, n: sentence(s),
    "paragraph": lambda s, n: paragraph(s, n or 4),
    "png": lambda s, n: png(s, n or 600),
    "hexdump": lambda s, n: hexdump(s, n or 20),
    "svg": lambda s, n: svg_path(s, n or 30),
    "minified": lambda s, n: minified(s, n or 3000),
    "b64": lambda s, n: base64.b64encode(s.randbytes(n or 48)).decode(),
    "isbn": lambda s, n: isbn(s),
    "tracking": lambda s, n: tracking(s),
    "sku": lambda s, n: sku(s),
    "order": lambda s, n: order(s),
    "geo": lambda s, n: f"{s.uniform(-80, 80):.6f}, {s.uniform(-179, 179):.6f}",
    "price": lambda s, n: f"{s.randint(1, 4999)}.{s.randint(0, 99):02d}",
    "placeholder": lambda s, n: _placeholder(s),
    "color": lambda s, n: "#" + hexadecimal(s, 6),
    "address0x": lambda s, n: "0x" + hexadecimal(s, n or 12),
    "percent": lambda s, n: f"{s.uniform(0, 100):.1f}%",
}  # fmt: skip
# Right to find and right to leave.
_EITHER: dict[str, tuple[Callable[[random.Random], str], str]] = {
    "exampleaddress": (_example_address, "EMAIL_ADDRESS"),
    "serviceaddress": (lambda s: f"svc-{s.choice(_IDENTIFIERS)}@{s.choice(_PACKAGES)}.iam.gserviceaccount.com", "EMAIL_ADDRESS"),
    # The number of a key is not the key.
    "keyid": (lambda s: hexadecimal(s, 40), "GCP_SERVICE_ACCOUNT_KEY"),
    "loopback": (lambda s: s.choice(["127.0.0.1", "0.0.0.0", "::1", "255.255.255.0"]), "IP_ADDRESS"),
    "privateip": (lambda s: f"{s.choice(['10.0', '192.168', '172.16'])}.{s.randint(0, 254)}.{s.randint(1, 254)}", "IP_ADDRESS"),
}  # fmt: skip


def harmless(name: str, argument: str | None, source: random.Random) -> Value:
    """The value of a harmless field. Raises KeyError."""
    if name == "pick":
        return Value.of(source.choice((argument or "").split("|")))
    if name in _EITHER:
        draw, entity = _EITHER[name]
        return Value.of(draw(source), entity, optional=True)
    text = _FIELDS[name](source, int(argument or 0))
    return Value.of(re.sub("[«»]", ".", text))
