"""What a name says of the value beside it: is it a secret, of which kind, and how sure is that.

Knows names only: ``DB_PASSWORD``, ``clientSecret``, ``x-api-key``, ``mot de passe``, and those that sound like
one and are none: ``max_tokens``, ``password_field``, ``public_key``, ``secretName``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Family = Literal["password", "secret"]


@dataclass(frozen=True, slots=True)
class Name:
    """What a name promises: ``certainty`` is 0..1, 0 for no secret at all."""

    family: Family
    certainty: float


NOTHING = Name("secret", 0.0)
# Of what is called a secret and neither key nor token, and so may be a person's choice: as `client_secret`, and as
# `secret` alone, below which the name of one may stand, too.
SAID_SECRET, BARE_SECRET = 0.95, 0.92
_PART = re.compile(r"[A-ZÄÖÜ]?[a-zäöüßñáéíóúç]+|[A-ZÄÖÜ]+(?![a-z])|[0-9]+")

_PASSWORD = frozenset(
    """
    password passwd passwort passwords passphrase passcode pwd pw psw pswd pword kennwort passwörter contraseña
    contrasena contraseñas wachtwoord senha motdepasse mdp requirepass masterauth userpass dbpass passwrd psk wpapsk
    heslo lösenord lösenordet adgangskode adgangskoden passord passordet salasana parola lozinka
    """.split()
)
_PASSWORD_ENDS = (
    *("password", "passwd", "passwort", "passphrase", "kennwort", "passcode"),
    "storepass",  # keytool
)
# `pass` alone is a word of many uses; with one of these before it, it is a password.
_BEFORE_PASS = frozenset(
    """
    db database user usr username mysql mariadb postgres postgresql pg sql mongo mongodb redis smtp mail email imap
    ftp sftp ssh admin root login my proxy ldap http https basic auth api app svc service wifi sudo vpn rabbitmq
    amqp jdbc oracle mssql server master web site wp host keystore truststore jks p12 pfx cert key encryption
    bind become default client agent portal vendor
    """.split()
)
_KEY_KINDS = frozenset(
    """
    api access auth private secret encryption encrypt decryption signing sign signature master account storage
    service app application client consumer license licence shared symmetric hmac aes rsa ssh crypto cipher jwt
    webhook admin root deploy subscription bot bearer token security integration ingest ingestion write publish
    production prod live server device routing project rest management stream session cookie salt unseal recovery
    backup bucket s3 gpg pgp wallet signer validator
    """.split()
)
_JOINED = frozenset(
    """
    apikey apikeys apitoken accesskey secretkey privatekey authkey authtoken accesstoken clientsecret appsecret
    apisecret appkey masterkey encryptionkey signingkey licensekey sharedkey accountkey storagekey sessionkey
    sharedaccesskey accesskeysecret secretaccesskey refreshtoken bearertoken bottoken webhooksecret jwtsecret
    consumersecret passkey oauthtoken idtoken sessiontoken authorizationtoken
    passwordsalt
    """.split()
)
_TOKEN_KINDS = frozenset(
    """
    access auth api refresh bot bearer session id personal deploy deployment webhook device github gitlab npm slack
    admin service secret user oauth oauth2 authorization security private upload registry read write push root login
    jwt sso vault ci repo build app application client project account org hf pypi discord telegram
    """.split()
)
# Before "salt", where it is one for all that a program hashes or signs (WordPress, Drupal).
_SALTED = frozenset("auth nonce hash password secret crypt security in cookie".split())
# After the word that promises a secret: it is about one, or where one is kept.
_ABOUT = frozenset(
    """
    name names id ids field fields file filename filepath path paths dir directory folder url urls uri link links
    endpoint host port count counts counter limit limits length len size sizes min max minimum maximum type types
    kind policy expiry expires expiration expired expire ttl timeout lifetime age date time timestamp at on arn ref
    reference version versions label labels title text message messages msg error errors hint hints prompt prompts
    input inputs param parameter header headers env var variable variables re rx regex regexp pattern format placeholder
    enabled disabled required optional reset changed change rotation rotate strength validator validate validation
    valid check checker checked provider providers manager service services store class handler function func
    callback hash hashed hashes digest algorithm algo alg encoding encoder prefix suffix index usage used budget
    window cost price pool list lists map mapping table column page form view button icon visible visibility show
    hide status state response request scope scopes grant audience issuer mode option options config configuration
    settings metadata info description help example examples template binding mount volume keyref location
    position start end ratio rate rates confirmation confirm match matches mismatch generator generate parser
    parse stream streams exchange owner source sources target types usages spec schema model object objects
    attempts attempt history accessor accessors protected protection encryption encrypted manager operator rules
    rule requirements
    """.split()
)
# Before it: what it is a key or a token of, when that is nothing secret.
_NOT_SECRET_KEY = frozenset(
    """
    public primary foreign partition sort cache hash range map dict json row index lookup i18n translation hot arrow
    unique composite group order object natural surrogate column cluster clustering redis shortcut publishable anon
    site search locale feature query react state local item event log trace lock idempotency dedup correlation
    message lang language context config metadata env attribute property
    """.split()
)
_NOT_SECRET_TOKEN = frozenset(
    """
    max min num n total count avg mean prompt completion input output cached reasoning next prev previous page
    pagination continuation sync cursor resume csrf xsrf current special pad eos bos unk mask cls sep word text
    first last start end stop lexer lex syntax comment keyword operator string number identifier design color
    public publishable nonce replay state change delta eof peek consume left right open close bad unexpected
    expected cancellation cancel stopping poll paging offset watermark cont batch sequence
    """.split()
)
_NOT_PASS = frozenset(
    """
    first second third last next num low high band single multi two one render by com sur tres shadow depth light
    color colour blur forward backward final boarding season ski bus day event visitor gate mountain compiler tests
    did must will not all any max min n test status result check lint build compile stage render qa ci validation
    """.split()
)
# After a name without changing what it promises: DB_PASSWORD_PROD.
_TRAILING = frozenset(
    "value val prod production live staging stage dev test default plain raw str string primary secondary".split()
)
_PLURALS = frozenset({"tokens", "keys", "secrets"})


# Git's setting, which names a key of GnuPG or SSH by what is public of it.
_PUBLIC = ("signingkey", "user.signingkey")
# Words for password in scripts that have no capitals or that the parts of a name are not cut in.
_OTHER_SCRIPTS = (
    "пароль",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "비밀번호",
    "hasło",
    "şifre",
    "jelszó",
    "κωδικός",
    "kata sandi",
    "mật khẩu",
    "كلمة المرور",
    "كلمة السر",
    "סיסמה",
    "identified by",
)
# The same for a key, which needs to be one of a program, and for a token.
_KEYS_ABROAD = ("ключ", "密钥", "キー")
_OF_A_PROGRAM = ("api", "секретн", "доступ", "访问", "秘密", "アクセス", "シークレット")
_TOKENS_ABROAD = ("токен", "令牌", "トークン")


@lru_cache(maxsize=4096)
def judge(name: str) -> Name:
    """What ``name`` promises; the name as it stands in the text, with its separators."""
    folded = name.lower()
    if folded in _PUBLIC:
        return NOTHING
    if folded.endswith(_OTHER_SCRIPTS):
        return Name("password", 1.0)
    if folded.endswith(_KEYS_ABROAD):
        return Name("secret", 1.0) if any(word in folded for word in _OF_A_PROGRAM) else NOTHING
    if folded.endswith(_TOKENS_ABROAD):
        return Name("secret", 0.85)
    parts = [part.lower() for part in _PART.findall(name)]
    if not parts:
        return NOTHING
    while len(parts) > 1 and (parts[-1].isdigit() or parts[-1] in _TRAILING):
        parts.pop()
    shouted = name.isupper()
    for place in range(len(parts) - 1, -1, -1):
        found = _core(parts, place, shouted)
        if found is None:
            continue
        if any(part in _ABOUT for part in parts[place + 1 :]) and not _secret_id(parts, place):
            return NOTHING
        return found
    return NOTHING


def _secret_id(parts: list[str], place: int) -> bool:
    """``secret_id`` of a Vault AppRole is a password, whatever its name."""
    return parts[place:] == ["secret", "id"]


def _core(parts: list[str], place: int, shouted: bool) -> Name | None:
    """What the word at ``place`` promises; None when it says nothing of secrets. ``shouted``: all in capitals."""
    word = parts[place]
    before = parts[place - 1] if place else ""
    if word in _PASSWORD or word.endswith(_PASSWORD_ENDS):
        return NOTHING if len(word) < 4 and place < len(parts) - 1 else Name("password", 1.0)
    if (word.endswith("pw") and word[:-2] in _BEFORE_PASS) or (
        word.endswith("pass") and word[:-4] in _BEFORE_PASS
    ):
        return Name("password", 1.0)  # rootpw, pgpass
    if word == "phrase" and before == "pass":
        return Name("password", 1.0)
    if word == "pass":
        if before in _BEFORE_PASS or (shouted and before and before not in _NOT_PASS):
            return Name("password", 1.0)  # of whom or what, a variable of the environment may say: ACME_PASS
        return Name("password", 0.6) if not place and len(parts) == 1 else NOTHING
    if word == "passe" and before == "de":
        return Name("password", 1.0)
    if word in _JOINED or word.endswith(("apikey", "secretkey", "accesskey", "accesstoken", "authtoken")):
        return Name("secret", 1.0)
    if word == "secret" or word.endswith("secret"):
        return Name("secret", BARE_SECRET if parts == ["secret"] else SAID_SECRET)
    if word == "clave" and before in ("", "la", "una", "mi", "tu", "su", "nuestra", "nueva"):
        return Name("password", 0.9)
    if word in ("key", "schlüssel", "clé", "clave", "chiave", "sleutel"):
        return _key(before, parts)
    if word == "token" or word in ("jeton", "ficha"):
        if before in _NOT_SECRET_TOKEN:
            return NOTHING
        return Name("secret", 1.0 if before in _TOKEN_KINDS else 0.85)
    if word in _PLURALS:
        return (
            Name("secret", 0.5)
            if before in _TOKEN_KINDS or before in _KEY_KINDS or word == "secrets"
            else NOTHING
        )
    if word in ("credential", "credentials") and before == "bind":
        return Name("password", 1.0)  # what a directory calls the password that one binds with
    if word in ("credential", "credentials", "creds", "cred", "authorization", "bearer"):
        return Name("secret", 0.7)
    if word == "salt" and before in _SALTED:
        return Name("secret", 0.85)
    if word in (
        "auth",
        "pat",
        "dsn",
        "salt",
        "hmac",
        "pepper",
        "cookie",
        "session",
        "sessionid",
        "sid",
        "jwt",
        "nkey",
    ):
        return Name("secret", 0.55)
    if word in ("geheimnis", "secreto"):
        return Name("secret", 0.8)
    return None


def _key(before: str, parts: list[str]) -> Name:
    if before in _KEY_KINDS:
        return Name("secret", 1.0)
    if before in _NOT_SECRET_KEY or len(parts) == 1 or parts[-1] != "key":
        return NOTHING
    return Name("secret", 0.6)  # STRIPE_KEY: of a vendor, perhaps
