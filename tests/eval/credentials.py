"""Credentials in the shapes that vendors publish, drawn when asked for; none opens anything.

Written from the vendors' documents, not from Outgate's rules, so that a rule that is wrong is seen to be. A
format is a line of text in which ``<alphabet:length>`` is drawn; a few kinds need a function.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from .document import Span, Value

_ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "letters": string.ascii_letters,
    "digits": string.digits,
    "b32": string.ascii_uppercase + "234567",
    "b64": string.ascii_letters + string.digits + "+/",
    "url": string.ascii_letters + string.digits + "-_",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}
_DRAWN = re.compile(r"<(\w+):(\d+)>")
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_WORDS = (
    "orchid walnut tiger copper maple river falcon ember winter thunder velvet coffee harvest pepper silver dragon summer "
    "purple monkey rocket garden bishop castle marble shadow lemon"
).split()


def drawn(alphabet: str, length: int, source: random.Random) -> str:
    """So many characters of an alphabet, which do not happen to spell a placeholder."""
    while True:
        text = "".join(source.choices(_ALPHABETS[alphabet], k=length))
        if length < 6 or not re.search("(?i)xxxx|test|your|todo|fake|abcd|1234|0000|aaaa", text):
            return text


def filled(pattern: str, source: random.Random) -> str:
    """A format with its fields drawn."""
    return _DRAWN.sub(lambda field: drawn(field[1], int(field[2]), source), pattern)


def github(prefix: str) -> Callable[[random.Random], str]:
    """Prefix, 30 characters, their CRC-32 in base 62 (GitHub, 2021)."""

    def make(source: random.Random) -> str:
        body = drawn("alnum", 30, source)
        number, check = zlib.crc32(body.encode()), ""
        while number:
            number, rest = divmod(number, 62)
            check = _BASE62[rest] + check
        return f"{prefix}{body}{check.rjust(6, '0')}"

    return make


def jwt(source: random.Random) -> str:
    """RFC 7519, signed with what is no signature."""
    header = {"alg": source.choice(["HS256", "RS256", "ES256"]), "typ": "JWT"}
    payload = {
        "sub": drawn("digits", 10, source),
        "iat": source.randint(1_600_000_000, 1_790_000_000),
        "role": "admin",
    }
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, payload)
    ]
    return ".".join((*parts, drawn("url", 43, source)))


def basic(source: random.Random) -> str:
    """RFC 7617: user and password in base64."""
    return base64.b64encode(f"{source.choice(_WORDS)}:{password(source)}".encode()).decode()


def password(source: random.Random) -> str:
    """What people and password managers choose; no quote, blank, backslash, @, : or / is in it."""
    word, other = source.choice(_WORDS), source.choice(_WORDS)
    mark, year = source.choice("!#$%&*?"), source.randint(1970, 2025)
    return (
        f"{word.title()}{year}{mark}",
        f"{word}-{other}-{source.choice(_WORDS)}-{source.randint(2, 99)}",
        drawn("alnum", source.randint(10, 24), source),
        f"{drawn('alnum', 5, source)}{mark}{drawn('alnum', 6, source)}{source.choice('!#$%*')}{source.randint(1, 9)}",
        f"{word.replace('e', '3').replace('a', '4')}{other.title()}{source.randint(10, 99)}{mark}",
        f"{drawn('letters', 4, source)}{source.randint(100, 999)}{mark}{drawn('lower', 4, source)}",
    )[source.randrange(6)]


def pem(source: random.Random) -> str:
    """RFC 7468: a private key's block, lines of 64."""
    kind = source.choice(["RSA ", "", "EC ", "OPENSSH ", "ENCRYPTED "])
    body = "\n".join(drawn("b64", 64, source) for _ in range(source.randint(3, 14)))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n{drawn('b64', 30, source)}==\n-----END {kind}PRIVATE KEY-----"


def _url(pattern: str) -> Callable[[random.Random], str]:
    return lambda source: filled(pattern.replace("PASSWORD", password(source)), source)


@dataclass(frozen=True, slots=True)
class Credential:
    """A kind: its entity, what it is called, the name of a variable that holds it, and its format.

    ``gold`` finds within the value what has to be found when it is not all of it: the password of a URL.
    ``needs_name``: nothing but the name of the variable beside it tells what it is.
    """

    entity: str
    title: str
    variable: str
    format: str | Callable[[random.Random], str]
    gold: str | None = None
    needs_name: bool = False

    def draw(self, source: random.Random) -> Value:
        """A value, with its gold."""
        text = filled(self.format, source) if isinstance(self.format, str) else self.format(source)
        if self.gold is None:
            return Value.of(text, self.entity)
        found = re.search(self.gold, text)
        assert found, (self.entity, self.gold)
        return Value(text, (Span(*found.span("v"), self.entity),))


_PASSWORD_OF_URL = r"//[^/:@]*:(?P<v>[^/@]+)@"
CREDENTIALS: tuple[Credential, ...] = (
    Credential("AWS_ACCESS_KEY_ID", "AWS access key", "AWS_ACCESS_KEY_ID", "AKIA<b32:16>"),
    Credential("AWS_ACCESS_KEY_ID", "temporary AWS key", "AWS_ACCESS_KEY_ID", "ASIA<b32:16>"),
    Credential("AWS_SECRET_ACCESS_KEY", "AWS secret access key", "AWS_SECRET_ACCESS_KEY", "<b64:40>", needs_name=True),
    Credential("AWS_SESSION_TOKEN", "AWS session token", "AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2Vj<b64:240>==", needs_name=True),
    Credential("AWS_BEDROCK_API_KEY", "Bedrock API key", "AWS_BEARER_TOKEN_BEDROCK", "ABSK<b64:126>=="),
    Credential("GITHUB_TOKEN", "GitHub token", "GITHUB_TOKEN", github("ghp_")),
    Credential("GITHUB_TOKEN", "GitHub app token", "GH_TOKEN", github("ghs_")),
    Credential("GITHUB_TOKEN", "GitHub OAuth token", "GITHUB_OAUTH_TOKEN", github("gho_")),
    Credential("GITHUB_TOKEN", "fine-grained GitHub token", "GH_PAT", "github_pat_<alnum:22>_<alnum:59>"),
    Credential("GITLAB_TOKEN", "GitLab token", "GITLAB_TOKEN", "glpat-<url:20>"),
    Credential("GITLAB_TOKEN", "GitLab pipeline trigger token", "TRIGGER_TOKEN", "glptt-<hex:40>"),
    Credential("GITLAB_TOKEN", "GitLab deploy token", "CI_DEPLOY_PASSWORD", "gldt-<url:20>"),
    Credential("OPENAI_API_KEY", "OpenAI key", "OPENAI_API_KEY", "sk-proj-<url:74>T3BlbkFJ<url:74>"),
    Credential("OPENAI_API_KEY", "old OpenAI key", "OPENAI_API_KEY", "sk-<alnum:20>T3BlbkFJ<alnum:20>"),
    Credential("OPENAI_API_KEY", "OpenAI service account key", "OPENAI_API_KEY", "sk-svcacct-<url:74>T3BlbkFJ<url:74>"),
    Credential("ANTHROPIC_API_KEY", "Anthropic key", "ANTHROPIC_API_KEY", "sk-ant-api03-<url:93>AA"),
    Credential("ANTHROPIC_API_KEY", "Anthropic admin key", "ANTHROPIC_ADMIN_KEY", "sk-ant-admin01-<url:93>AA"),
    Credential("OPENROUTER_API_KEY", "OpenRouter key", "OPENROUTER_API_KEY", "sk-or-v1-<hex:64>"),
    Credential("DEEPSEEK_API_KEY", "DeepSeek key", "DEEPSEEK_API_KEY", "sk-<hex:32>"),
    Credential("GOOGLE_API_KEY", "Google API key", "GOOGLE_API_KEY", "AIzaSy<url:33>"),
    Credential("GOOGLE_OAUTH_SECRET", "Google client secret", "GOOGLE_CLIENT_SECRET", "GOCSPX-<url:28>"),
    Credential("GOOGLE_OAUTH_TOKEN", "Google access token", "GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.a0<url:160>"),
    Credential("HUGGINGFACE_TOKEN", "Hugging Face token", "HF_TOKEN", "hf_<letters:34>"),
    Credential("GROQ_API_KEY", "Groq key", "GROQ_API_KEY", "gsk_<alnum:52>"),
    Credential("XAI_API_KEY", "xAI key", "XAI_API_KEY", "xai-<alnum:80>"),
    Credential("PERPLEXITY_API_KEY", "Perplexity key", "PERPLEXITY_API_KEY", "pplx-<alnum:48>"),
    Credential("NVIDIA_API_KEY", "NVIDIA key", "NVIDIA_API_KEY", "nvapi-<url:64>"),
    Credential("REPLICATE_TOKEN", "Replicate token", "REPLICATE_API_TOKEN", "r8_<alnum:37>"),
    Credential("FIREWORKS_API_KEY", "Fireworks key", "FIREWORKS_API_KEY", "fw_<alnum:22>"),
    Credential("CEREBRAS_API_KEY", "Cerebras key", "CEREBRAS_API_KEY", "csk-<lower:48>"),
    Credential("LANGSMITH_API_KEY", "LangSmith key", "LANGSMITH_API_KEY", "lsv2_pt_<hex:32>_<hex:10>"),
    Credential("MISTRAL_API_KEY", "Mistral key", "MISTRAL_API_KEY", "<alnum:32>", needs_name=True),
    Credential("COHERE_API_KEY", "Cohere key", "COHERE_API_KEY", "<alnum:40>", needs_name=True),
    Credential("PINECONE_API_KEY", "Pinecone key", "PINECONE_API_KEY", "pcsk_<alnum:6>_<alnum:63>"),
    Credential("AZURE_STORAGE_KEY", "storage connection string", "AZURE_STORAGE_CONNECTION_STRING", "DefaultEndpointsProtocol=https;AccountName=<lower:12>;AccountKey=<b64:86>==;EndpointSuffix=core.windows.net", gold=r"AccountKey=(?P<v>[^;]+)"),
    Credential("AZURE_CONNECTION_STRING", "Service Bus connection string", "SERVICE_BUS", "Endpoint=sb://<lower:10>.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=<b64:43>=", gold=r"SharedAccessKey=(?P<v>\S+)"),
    Credential("AZURE_CLIENT_SECRET", "Entra client secret", "AZURE_CLIENT_SECRET", "<alnum:3>8Q~<url:34>"),
    Credential("AZURE_SAS_TOKEN", "SAS URL", "BLOB_URL", "https://<lower:10>.blob.core.windows.net/backup?sv=2023-11-03&se=2027-01-01T00%3A00%3A00Z&sr=c&sp=rl&sig=<alnum:41>%2B<alnum:1>%3D", gold=r"sig=(?P<v>\S+)"),
    Credential("AZURE_OPENAI_KEY", "Azure OpenAI key", "AZURE_OPENAI_API_KEY", "<hex:32>", needs_name=True),
    Credential("SLACK_TOKEN", "Slack bot token", "SLACK_BOT_TOKEN", "xoxb-<digits:12>-<digits:13>-<alnum:24>"),
    Credential("SLACK_TOKEN", "Slack app token", "SLACK_APP_TOKEN", "xapp-1-A<upper:10>-<digits:13>-<hex:64>"),
    Credential("SLACK_TOKEN", "Slack user token", "SLACK_USER_TOKEN", "xoxp-<digits:12>-<digits:12>-<digits:13>-<hex:32>"),
    Credential("SLACK_WEBHOOK_URL", "Slack webhook", "SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T<upper:10>/B<upper:10>/<alnum:24>", gold=r"services/(?P<v>\S+)"),
    Credential("DISCORD_WEBHOOK_URL", "Discord webhook", "DISCORD_WEBHOOK", "https://discord.com/api/webhooks/<digits:18>/<url:68>", gold=r"webhooks/\d+/(?P<v>\S+)"),
    Credential("DISCORD_BOT_TOKEN", "Discord bot token", "DISCORD_TOKEN", "M<alnum:25>.G<alnum:5>.<url:38>"),
    Credential("TELEGRAM_BOT_TOKEN", "Telegram bot token", "TELEGRAM_BOT_TOKEN", "<digits:10>:AA<url:33>"),
    Credential("TEAMS_WEBHOOK_URL", "Teams webhook", "TEAMS_WEBHOOK", "https://contoso.webhook.office.com/webhookb2/<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>@<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>/IncomingWebhook/<hex:32>/<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>", gold=r"IncomingWebhook/(?P<v>[0-9a-f]+)"),
    Credential("STRIPE_SECRET_KEY", "Stripe live key", "STRIPE_SECRET_KEY", "sk_live_<alnum:99>"),
    Credential("STRIPE_SECRET_KEY", "Stripe restricted key", "STRIPE_API_KEY", "rk_live_<alnum:24>"),
    Credential("STRIPE_WEBHOOK_SECRET", "Stripe webhook secret", "STRIPE_WEBHOOK_SECRET", "whsec_<alnum:32>"),
    Credential("SQUARE_TOKEN", "Square token", "SQUARE_ACCESS_TOKEN", "EAAA<url:60>"),
    Credential("SQUARE_TOKEN", "Square OAuth secret", "SQUARE_SECRET", "sq0csp-<url:43>"),
    Credential("BRAINTREE_TOKEN", "Braintree token", "BRAINTREE_TOKEN", "access_token$production$<lower:16>$<hex:32>"),
    Credential("SHOPIFY_TOKEN", "Shopify token", "SHOPIFY_ACCESS_TOKEN", "shpat_<hex:32>"),
    Credential("NPM_TOKEN", "npm token", "NPM_TOKEN", "npm_<alnum:36>"),
    Credential("PYPI_TOKEN", "PyPI token", "TWINE_PASSWORD", "pypi-AgEIcHlwaS5vcmcC<url:152>"),
    Credential("RUBYGEMS_KEY", "RubyGems key", "GEM_HOST_API_KEY", "rubygems_<hex:48>"),
    Credential("CRATESIO_TOKEN", "crates.io token", "CARGO_REGISTRY_TOKEN", "cio<alnum:32>"),
    Credential("DOCKER_TOKEN", "Docker Hub token", "DOCKERHUB_TOKEN", "dckr_pat_<url:27>"),
    Credential("SENDGRID_API_KEY", "SendGrid key", "SENDGRID_API_KEY", "SG.<url:22>.<url:43>"),
    Credential("TWILIO_KEY", "Twilio API key", "TWILIO_API_KEY", "SK<hex:32>"),
    Credential("TWILIO_AUTH_TOKEN", "Twilio auth token", "TWILIO_AUTH_TOKEN", "<hex:32>", needs_name=True),
    Credential("MAILGUN_KEY", "Mailgun key", "MAILGUN_API_KEY", "key-<hex:32>"),
    Credential("MAILCHIMP_KEY", "Mailchimp key", "MAILCHIMP_API_KEY", "<hex:32>-us14"),
    Credential("BREVO_KEY", "Brevo key", "BREVO_API_KEY", "xkeysib-<hex:64>-<alnum:16>"),
    Credential("RESEND_API_KEY", "Resend key", "RESEND_API_KEY", "re_<alnum:8>_<alnum:24>"),
    Credential("POSTMAN_KEY", "Postman key", "POSTMAN_API_KEY", "PMAK-<hex:24>-<hex:34>"),
    Credential("DIGITALOCEAN_TOKEN", "DigitalOcean token", "DIGITALOCEAN_TOKEN", "dop_v1_<hex:64>"),
    Credential("HEROKU_KEY", "Heroku key", "HEROKU_API_KEY", "HRKU-AA<url:58>"),
    Credential("FLY_TOKEN", "Fly token", "FLY_API_TOKEN", "fm2_<b64:180>"),
    Credential("NETLIFY_TOKEN", "Netlify token", "NETLIFY_AUTH_TOKEN", "nfp_<alnum:36>"),
    Credential("VERCEL_TOKEN", "Vercel token", "VERCEL_TOKEN", "vcp_<alnum:56>"),
    Credential("CLOUDFLARE_KEY", "Cloudflare origin CA key", "CLOUDFLARE_CA_KEY", "v1.0-<hex:24>-<hex:146>"),
    Credential("CLOUDFLARE_KEY", "Cloudflare token", "CLOUDFLARE_API_TOKEN", "<url:40>", needs_name=True),
    Credential("LINEAR_KEY", "Linear key", "LINEAR_API_KEY", "lin_api_<alnum:40>"),
    Credential("NOTION_KEY", "Notion token", "NOTION_TOKEN", "ntn_<digits:11><alnum:35>"),
    Credential("FIGMA_TOKEN", "Figma token", "FIGMA_TOKEN", "figd_<url:40>"),
    Credential("AIRTABLE_TOKEN", "Airtable token", "AIRTABLE_TOKEN", "pat<alnum:14>.<hex:64>"),
    Credential("DROPBOX_TOKEN", "Dropbox token", "DROPBOX_TOKEN", "sl.u.<url:150>"),
    Credential("ATLASSIAN_TOKEN", "Atlassian token", "JIRA_API_TOKEN", "ATATT3xFfGF0<url:176>=<HEX:8>"),
    Credential("BITBUCKET_TOKEN", "Bitbucket app password", "BITBUCKET_APP_PASSWORD", "ATBB<alnum:24><HEX:8>"),
    Credential("DATADOG_KEY", "Datadog API key", "DD_API_KEY", "<hex:32>", needs_name=True),
    Credential("NEW_RELIC_KEY", "New Relic key", "NEW_RELIC_API_KEY", "NRAK-<upper:27>"),
    Credential("GRAFANA_TOKEN", "Grafana token", "GRAFANA_TOKEN", "glsa_<alnum:32>_<hex:8>"),
    Credential("SENTRY_TOKEN", "Sentry token", "SENTRY_AUTH_TOKEN", "sntryu_<hex:64>"),
    Credential("DYNATRACE_TOKEN", "Dynatrace token", "DT_API_TOKEN", "dt0c01.<b32:24>.<b32:64>"),
    Credential("PULUMI_TOKEN", "Pulumi token", "PULUMI_ACCESS_TOKEN", "pul-<hex:40>"),
    Credential("TERRAFORM_TOKEN", "Terraform Cloud token", "TFE_TOKEN", "<alnum:14>.atlasv1.<url:67>"),
    Credential("VAULT_TOKEN", "Vault token", "VAULT_TOKEN", "hvs.<url:95>"),
    Credential("DOPPLER_TOKEN", "Doppler token", "DOPPLER_TOKEN", "dp.pt.<alnum:43>"),
    Credential("TAILSCALE_KEY", "Tailscale key", "TS_AUTHKEY", "tskey-auth-<alnum:12>CNTRL-<alnum:32>"),
    Credential("PLANETSCALE_TOKEN", "PlanetScale token", "PLANETSCALE_SERVICE_TOKEN", "pscale_tkn_<url:43>"),
    Credential("SUPABASE_KEY", "Supabase token", "SUPABASE_ACCESS_TOKEN", "sbp_<hex:40>"),
    Credential("DATABRICKS_TOKEN", "Databricks token", "DATABRICKS_TOKEN", "dapi<hex:32>"),
    Credential("LAUNCHDARKLY_KEY", "LaunchDarkly SDK key", "LAUNCHDARKLY_SDK_KEY", "sdk-<hex:8>-<hex:4>-4<hex:3>-a<hex:3>-<hex:12>"),
    Credential("MAPBOX_TOKEN", "Mapbox secret token", "MAPBOX_SECRET", "sk.eyJ1Ijoi<alnum:76>.<url:22>"),
    Credential("FACEBOOK_TOKEN", "Facebook token", "FB_PAGE_TOKEN", "EAAG<alnum:180>"),
    Credential("TWITTER_BEARER", "X bearer token", "TWITTER_BEARER_TOKEN", "AAAAAAAAAAAAAAAAAAAAA<alnum:40>%3D<alnum:50>"),
    Credential("AGE_SECRET_KEY", "age key", "SOPS_AGE_KEY", "AGE-SECRET-KEY-1<bech32:58>"),
    Credential("JWT", "session token", "ACCESS_TOKEN", jwt),
    Credential("DATABASE_URL", "database URL", "DATABASE_URL", _url("postgresql://app_<lower:4>:PASSWORD@db-<digits:2>.internal:5432/orders"), gold=_PASSWORD_OF_URL),
    Credential("DATABASE_URL", "MySQL URL", "MYSQL_URL", _url("mysql+pymysql://root:PASSWORD@mysql.internal/shop"), gold=_PASSWORD_OF_URL),
    Credential("DATABASE_URL", "MongoDB URI", "MONGO_URI", _url("mongodb+srv://svc:PASSWORD@cluster0.<lower:5>.mongodb.net/?retryWrites=true"), gold=_PASSWORD_OF_URL),
    Credential("DATABASE_URL", "Redis URL", "REDIS_URL", _url("redis://:PASSWORD@cache.internal:6379/0"), gold=_PASSWORD_OF_URL),
    Credential("DATABASE_URL", "AMQP URL", "AMQP_URL", _url("amqps://worker:PASSWORD@mq.internal:5671/%2f"), gold=_PASSWORD_OF_URL),
    Credential("DATABASE_PASSWORD", "SQL Server connection string", "SQLSERVER_DSN", _url("Server=tcp:sql-<digits:2>.internal,1433;Database=crm;User ID=svc;Password=PASSWORD;Encrypt=true"), gold=r"Password=(?P<v>[^;]+)"),
    Credential("DATABASE_PASSWORD", "JDBC URL", "JDBC_URL", "jdbc:mysql://db.internal:3306/crm?user=svc&password=<alnum:14>&useSSL=true", gold=r"password=(?P<v>[^&]+)"),
    Credential("BASIC_AUTH_URL", "repository URL with a password", "REPO_URL", _url("https://deploy:PASSWORD@git.internal/platform/api.git"), gold=_PASSWORD_OF_URL),
    Credential("GENERIC_SECRET", "client secret", "CLIENT_SECRET", "<alnum:32>", needs_name=True),
    Credential("GENERIC_SECRET", "API key", "API_KEY", "<hex:40>", needs_name=True),
    Credential("GENERIC_SECRET", "signing secret", "SECRET_KEY", "<b64:43>=", needs_name=True),
    Credential("GENERIC_SECRET", "encryption key", "ENCRYPTION_KEY", "<hex:64>", needs_name=True),
    Credential("GENERIC_SECRET", "access token", "ACCESS_TOKEN", "<url:36>", needs_name=True),
    Credential("GENERIC_SECRET", "database password", "DB_PASSWORD", password, needs_name=True),
    Credential("GENERIC_SECRET", "SMTP password", "SMTP_PASSWORD", password, needs_name=True),
    Credential("GENERIC_SECRET", "admin password", "ADMIN_PASSWORD", password, needs_name=True),
)  # fmt: skip
SHAPED = tuple(kind for kind in CREDENTIALS if not kind.needs_name)
SECRETS = frozenset(kind.entity for kind in CREDENTIALS) | {
    "PRIVATE_KEY", "BASIC_AUTH", "BEARER_TOKEN", "NETRC_PASSWORD", "GCP_SERVICE_ACCOUNT_KEY",
}  # fmt: skip
