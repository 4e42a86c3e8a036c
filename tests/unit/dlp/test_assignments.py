"""Secrets by what they are called: where a value begins and ends, how sure it is, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from growth import is_linear
from outgate.dlp import examples
from outgate.dlp.assignments import STEMS, AssignmentDetector
from outgate.dlp.detector import Match, Text, everywhere
from outgate.dlp.scanner import PythonScanner

DETECTOR = AssignmentDetector()
SCANNER = PythonScanner(DETECTOR.expressions)
STRONG = examples.expand("{password}")
KEY = examples.expand("{alnum:36}")
LONG = examples.expand("{alnum:900}")


def matches(text: str) -> list[Match]:
    """As an engine asks: where a name is, and only there."""
    shared = Text(text)
    return [
        match for which, windows in SCANNER.windows(text) for match in DETECTOR.judge(shared, which, windows)
    ]


def found(text: str) -> list[str]:
    """The values, each once: two names may stand before one."""
    return [text[start:end] for start, end in sorted({(match.start, match.end) for match in matches(text)})]


@pytest.mark.parametrize(
    "around",
    [
        "password = '@'",
        'password = "@"  # for tests',
        "DB_PASSWORD=@",
        "export DB_PASSWORD=@; ./run",
        "password: @",
        "  password: '@'\n  port: 1",
        'password = r"@"',
        'password: str = "@"',
        'let password: &str = "@";',
        'password := "@"',
        "'password' => '@',",
        ":password => '@'",
        '{"password": "@", "user": "x"}',
        '"{\\"password\\":\\"@\\"}"',
        "&quot;password&quot;:&quot;@&quot;",
        'config["password"] = "@"',
        'setPassword("@")',
        '.password("@")',
        'props.put("password", "@")',
        'new Credentials(password: "@")',
        'password = SecretStr("@")',
        "<password>@</password>",
        "<key>DB_PASSWORD</key>\n\t<string>@</string>",
        '<password encrypted="false">@</password>',
        '<property name="password">@</property>',
        '<add key="Password" value="@"/>',
        '<input type="password" value="@">',
        "- name: DB_PASSWORD\n  value: @\n",
        '{"name": "DB_PASSWORD", "value": "@"}',
        'variable "db_password" {\n  type = string\n  default = "@"\n}',
        "--password=@ --user x",
        "--password @ --user x",
        "-Dpassword=@ -jar",
        "user=x;password=@;port=1",
        "level=info password=@ user=x",
        "| password | @ |",
        "CREATE USER x IDENTIFIED BY '@'",
        "ALTER ROLE x PASSWORD '@';",
        "the password is @",
        "the password is @.",
        "the password is @, and the user is x",
        "the password for the server in Oslo is @",
        'the password is "@".',
        "password (root): @",
        "the password was changed to @ today",
        "use the password @ for it",
        "@ is the password",
        "use @ as the password",
        "Passwort: @",
        "das Kennwort lautet @",
        "le mot de passe est @",
        "mot de passe : @",
        "la contraseña es @",
        "a senha é @",
        "a senha do banco é @",
        "пароль: @",
        "密码：@",
        "password: |\n  @\n",
        "Password\n@\n",
        "- **Password:** @\n",
        "**Password**: @",
        "ALTER LOGIN x WITH PASSWORD = N'@';",
        "DEBUG auth: user=kim pass=@ realm=x",
        "const password = process.env.DB_PASSWORD || '@';",
        'password = os.getenv("DB_PASSWORD") or "@"',
        "password: ${DB_PASSWORD:-@}",
        'page.type(selector="#password", text="@")',
        '{"selector": "#password", "text": "@"}',
        '{"content":"PORT=1\\\\nDB_PASSWORD=@\\\\nDEBUG=0"}',
        "set DB_PASSWORD to @ on the server",
        "Hasło to @",
        "Lösenordet är @",
        "Adgangskoden er @",
        "Salasana on @",
        "Heslo je @",
        "пароль от сервера @",
        "Jelszó: @",
        "Mật khẩu: @",
        "kata sandi: @",
        "كلمة المرور: @",
        "סיסמה: @",
    ],
)
def test_a_password_is_found_exactly_wherever_it_is_written(around: str) -> None:
    assert found(around.replace("@", STRONG)) == [STRONG]


@pytest.mark.parametrize(
    "name",
    """api_key apiKey API-KEY X-Api-Key client_secret clientSecret CLIENT_SECRET_PROD secret_access_key auth_token
    accessToken bearer_token SECRET_KEY private_key signing-key webhook_secret encryptionKey jwtSecret STRIPE_KEY
    refresh_token github.token master_key consumerSecret app.security.secret secret_id credentials""".split(),
)
def test_a_key_is_found_under_any_name_for_one(name: str) -> None:
    for text in (f'{name} = "{KEY}"', f"{name}: {KEY}", f'{{"{name}": "{KEY}"}}'):
        assert found(text) == [KEY], text


@pytest.mark.parametrize(
    "name", ["API-ключ", "API ключ", "токен", "API密钥", "访问令牌", "APIキー", "アクセストークン"]
)
def test_a_key_is_found_under_its_name_in_other_scripts(name: str) -> None:
    assert found(f"{name}: {KEY}") == [KEY]


@pytest.mark.parametrize("name", ["クッキー", "ключ", "スキー", "解决方案的关键"])
def test_a_word_of_other_scripts_that_holds_one_promises_nothing(name: str) -> None:
    assert found(f"{name}: {KEY}") == []


@pytest.mark.parametrize(
    "text",
    [
        "the password to db-server-01 expired",
        "we reset the password to something better",
        'if key in seen or "VerbForm=Inf" in token.morph or "VerbForm=Fin2" in x',
        "username,password\nshop.internal,kim",
    ],
)
def test_what_follows_a_name_by_chance_is_none(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "name",
    """max_tokens token_count next_page_token public_key primary_key cache_key key_id secret_name passwordField
    password_reset_url token_type csrf_token foreign_key sort_key tokenizer keyboard password_hash public_token
    password_min_length token_endpoint secretKeyRef eos_token publishable_key secret_arn password_policy key
    api_key_header keyword monkey compass bypass partition-key first_pass site_key tokens keys""".split(),
)
def test_a_name_that_only_sounds_like_one_promises_nothing(name: str) -> None:
    for text in (f'{name} = "{KEY}"', f"{name}: {KEY}", f'{{"{name}": "{KEY}"}}'):
        assert found(text) == [], text


@pytest.mark.parametrize(
    "value",
    """changeme your_password_here <password> ${DB_PASSWORD} {{password}} $PASSWORD %PASSWORD% os.environ["X"]
    process.env.PASSWORD getenv("X") config.password ******** xxxxxxxx ... null None true undefined string
    Optional[str] example-password password123 test secret admin REDACTED [hidden] /run/secrets/password
    https://vault.internal/x 2024-01-02 3600 v1.2.3.4 user.password self._password get_password() !Ref hidden
    op://vault/item/password arn:aws:secretsmanager:eu:1:secret:db ENC[AES256,x] required data.aws.secret.value
    __PASSWORD__ @password@ my_secret_password input() key.pem me@northwind-mail.com mySecretToken""".split(),
)
def test_what_stands_for_a_secret_is_none(value: str) -> None:
    for text in (
        f"password = {value}",
        f'password = "{value}"',
        f"client_secret: {value}",
        f"the password is {value}",
    ):
        assert found(text) == [], text


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        (f'password = "{STRONG}"', 0.8, 1.0),
        (f"API_KEY={KEY}", 0.8, 1.0),
        (f'client_secret: "{examples.expand("{hex:40}")}"', 0.8, 1.0),
        ("password = 'hunter27'", 0.4, 0.6),
        ("the password is hunter27", 0.4, 0.6),
        ('passphrase = "velvet cactus orbit lantern"', 0.4, 0.6),
        ("password: velvet-cactus-orbit-lantern", 0.4, 0.6),
        ('password = "P@ssw0rd!"', 0.4, 0.6),
        (f'STRIPE_KEY = "{KEY}"', 0.4, 0.79),
        ('password = "fenugreek"', 0.4, 0.5),
    ],
)
def test_the_score_says_how_real_a_value_looks(text: str, least: float, most: float) -> None:
    (match,) = matches(text)
    assert least <= match.score <= most


def test_passwords_and_other_secrets_are_told_apart() -> None:
    assert [m.entity for m in matches(f"password: {STRONG}")] == ["PASSWORD"]
    assert [m.entity for m in matches(f"api_key: {KEY}")] == ["GENERIC_SECRET"]


def test_a_scheme_before_a_token_is_not_part_of_it() -> None:
    assert found(f'auth_token = "Bearer {KEY}"') == [KEY]


def test_a_value_in_a_url_ends_where_the_next_parameter_or_the_fragment_begins() -> None:
    assert found(f"https://x/y?api_key={KEY}&next=1") == [KEY]
    assert found(f"/y?a=1&token={KEY}#top") == [KEY]


def test_several_in_one_line_are_all_found() -> None:
    text = f'login(password="{STRONG}", api_key="{KEY}"); password2 = "{STRONG}x"'
    assert found(text) == [STRONG, KEY, STRONG + "x"]


@given(
    st.lists(
        st.sampled_from([*STEMS, "=", ":", '"', "'", " ", "\n", "is ", STRONG, "(", ">", "the ", "--", "é"])
    )
)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_asked_at_its_places_or_everywhere_it_answers_the_same(pieces: list[str]) -> None:
    text = "".join(pieces)
    asked, everything = set(matches(text)), set(everywhere(DETECTOR, text))
    assert asked == everything
    assert all(0 <= match.start < match.end <= len(text) for match in asked)


@pytest.mark.parametrize(
    "piece",
    ["password ", "key=", 'token:"', "pass", "secret is the password ", "key" * 30 + " ", "password:\n", "pw|",
     "--key ", "a" * 60 + "key ", '"password" : {', "password for the x ", "İpassword=", "<password>",
     "is the password "],
)  # fmt: skip
def test_time_is_linear_in_text_made_of_names(piece: str) -> None:
    assert is_linear(lambda size: list(everywhere(DETECTOR, piece * (size // len(piece)))), 10_000)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f'@@ -1,2 +1,2 @@\n-API_TOKEN = "{KEY}"\n+API_TOKEN = token()\n', KEY),
        (f'token="{LONG}"', LONG),
        (f"refresh_token: '{LONG}'", LONG),
        (f"密码是 {STRONG}，用户名是 admin", STRONG),
        (f"パスワードは「{STRONG}」です。よろしく", STRONG),
        (f"пароль: «{STRONG}».", STRONG),
    ],
)
def test_a_value_ends_where_its_line_of_a_diff_its_quotes_and_its_sentence_end(text: str, value: str) -> None:
    assert found(text) == [value]


def test_what_a_function_makes_of_a_word_is_not_the_words_value() -> None:
    assert found(f'md5("password") = {"9dd4e461268c8034f5c8564e155c67a6"}') == []
    assert found('sha1("secret") -> "8f94b17a4a2d84b5a2fe27b3d3f3ee2b4a1d8e33"') == []
    assert found(f'config["password"] = "{STRONG}"') == [STRONG]
