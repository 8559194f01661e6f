"""Settings, all from the environment; a bare checkout runs with none.

README.md lists them for operators. Wrong ones are system checks (`styles/checks.py`).
"""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key

from . import scaled
from .environment import SQLITE, Environment
from .logs import FORMATS, LEVELS, logging_config
from .secrets import kept_secret, read_secret, secret_file

env = Environment()
# What of it cannot be used, filled by everything below.
SETTING_PROBLEMS = env.problems

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
env.folder("DATA_DIR", DATA_DIR)


def _kept(name: str, made_by: Callable[[], str]) -> str:
    path = DATA_DIR / "keys" / name.lower()
    return env.secret(name, lambda: kept_secret(name, made_by=made_by, kept_in=path))


SECRET_KEY = _kept("SECRET_KEY", get_random_secret_key)
# Several, newest first and separated by commas: the first encrypts, all of them decrypt.
ENCRYPTION_KEYS = _kept("ENCRYPTION_KEYS", lambda: Fernet.generate_key().decode()).split(",")
# The file that they are read from again whenever they are needed; None: they cannot change.
ENCRYPTION_KEYS_IN = secret_file("ENCRYPTION_KEYS", DATA_DIR / "keys" / "encryption_keys")
DEBUG = env.flag("DEBUG", default=False)

# Where it listens, and the address by which people know it

BIND = env.text("BIND", default="127.0.0.1")
PORT = env.whole("PORT", default=8000, least=1, most=65535)
PUBLIC_URL = env.address("PUBLIC_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
_public = urlsplit(PUBLIC_URL)
HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = [_public.hostname or "", "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"] if _public.netloc else []

# Pikzels

PIKZELS_API_KEY = env.secret("PIKZELS_API_KEY", lambda: read_secret("PIKZELS_API_KEY"))
PIKZELS_BASE_URL = env.address("PIKZELS_BASE_URL", default="https://api.pikzels.com").rstrip("/")
SANDBOX_ENABLED = env.flag("SANDBOX", default=not PIKZELS_API_KEY)
SANDBOX_PORT = env.whole("SANDBOX_PORT", default=8001, least=1, most=65535)
SANDBOX_TRAIN_SECONDS = env.number("SANDBOX_TRAIN_SECONDS", default=6.0)
IN_FLIGHT_PER_KEY = env.whole("IN_FLIGHT_PER_KEY", default=4, least=1)
# How many requests one worker has under way, whatever their keys; each waits in a thread.
WORKER_THREADS = env.whole("WORKER_THREADS", default=16, least=1, most=1000)
ANSWER_SECONDS = env.number("ANSWER_SECONDS", default=180.0, least=1, most=3600)

# Whether pictures are fetched from links; else Pikzels gets the links themselves
FETCH_LINKS = env.flag("FETCH_LINKS", default=True)
# What a style costs, shown beside the button; hidden while STYLE_PRICE is unset
STYLE_PRICE = env.text("STYLE_PRICE", default="")
STYLE_PRICE_AS_OF = env.day("STYLE_PRICE_AS_OF")

# Django

INSTALLED_APPS = [
    "teams",
    "styles",
    "pikzels_ui.apps.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
]
MIDDLEWARE = [
    "pikzels_ui.requests.known_by_id",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "pikzels_ui.headers.for_this_site_only",
    "styles.api.errors.in_one_shape",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "pikzels_ui.odd_requests.turned_away",
    "pikzels_ui.caching.private_by_default",
    "pikzels_ui.turns.in_turns",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "teams.refusals.ToldByStatus",
    "teams.sessions.noted",
]
ROOT_URLCONF = "pikzels_ui.urls"
WSGI_APPLICATION = "pikzels_ui.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "teams.context.frame",
            ],
        },
    },
]
DATABASES = {
    "default": env.database("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: an ID that was committed must outlive a power cut, not only a crash.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    scaled.watch_connections(DATABASES["default"])
ATOMIC_REQUESTS = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Several hosts: what they share besides the database

REDIS_URL = env.redis("REDIS_URL")
CACHES = scaled.caches(REDIS_URL)
EXECUTOR = env.choice("EXECUTOR", default=scaled.THREADS, of=scaled.EXECUTORS)
env.need("EXECUTOR", EXECUTOR == scaled.REDIS, "REDIS_URL", REDIS_URL)
TASKS, RQ_QUEUES = scaled.tasks(), scaled.queues(REDIS_URL, ANSWER_SECONDS)
S3_BUCKET = env.text("S3_BUCKET", default="")
env.package("S3_BUCKET", S3_BUCKET, "storages")
S3_ENDPOINT = env.address("S3_ENDPOINT", default="")
S3_REGION = env.text("S3_REGION", default="")
# Without them, as the machine's own role allows.
S3_ACCESS_KEY = env.secret("S3_ACCESS_KEY", lambda: read_secret("S3_ACCESS_KEY"))
S3_SECRET_KEY = env.secret("S3_SECRET_KEY", lambda: read_secret("S3_SECRET_KEY"))
env.need("S3_ACCESS_KEY", bool(S3_ACCESS_KEY), "S3_SECRET_KEY", S3_SECRET_KEY)

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "locale"]

# Files

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA_DIR / "media"
_on_disk = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
_in_bucket = scaled.bucket(
    S3_BUCKET,
    endpoint_url=S3_ENDPOINT,
    region_name=S3_REGION,
    access_key=S3_ACCESS_KEY,
    secret_key=S3_SECRET_KEY,
)
STORAGES = {
    "default": _in_bucket if S3_BUCKET else _on_disk,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_HANDLERS = ["styles.uploads.CappedUploadHandler"]
# On the media's own file system, so that an accepted file is renamed into place.
FILE_UPLOAD_TEMP_DIR = env.folder("DATA_DIR", MEDIA_ROOT / "incoming")
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_NUMBER_FILES = 10

# People

AUTH_USER_MODEL = "teams.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
_RULES = "django.contrib.auth.password_validation."
# Said in teams/passwords.py.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "teams.passwords.NotTooLong"},
    {
        "NAME": _RULES + "UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {"NAME": _RULES + "MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": _RULES + "CommonPasswordValidator"},
    {"NAME": _RULES + "NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "library"
ACCOUNT_ADAPTER = "teams.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "teams.account_forms.SignIn",
    "add_email": "teams.account_forms.AddAddress",
    "change_password": "teams.account_forms.ChangePassword",
    "set_password": "teams.account_forms.SetPassword",
    "reset_password": "teams.account_forms.AskForNewPassword",
    "reset_password_from_key": "teams.account_forms.NewPassword",
    "reauthenticate": "teams.account_forms.ConfirmByPassword",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_PREVENT_ENUMERATION = True
# Whoever adds an address can have the password reset by it: an open session must not be enough.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# As django-allauth has it for the others. An hour, so that nobody's mailbox is flooded.
ACCOUNT_RATE_LIMITS = {"reset_password": "20/m/ip,5/h/key"}
MFA_ADAPTER = "teams.adapters.MFAAdapter"
MFA_FORMS = {
    "authenticate": "teams.account_forms.EnterCode",
    "reauthenticate": "teams.account_forms.ConfirmByCode",
    "activate_totp": "teams.account_forms.SwitchAppOn",
    "add_webauthn": "teams.passkey_forms.AddPasskey",
    "edit_webauthn": "teams.passkey_forms.RenamePasskey",
    "authenticate_webauthn": "teams.passkey_forms.AnswerAfterPassword",
    "login_webauthn": "teams.passkey_forms.SignInByPasskey",
    "reauthenticate_webauthn": "teams.passkey_forms.ConfirmByPasskey",
}
# How many proxies add to X-Forwarded-For: limits of tries go by the address before them.
ALLAUTH_TRUSTED_PROXY_COUNT = env.whole("TRUSTED_PROXIES", default=1 if HTTPS else 0)
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# A found or stolen device must not be enough. Always, for django-allauth does not keep apart what a
# passkey was asked for: the answer to a weaker question, after a password, would do without one.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = "Pikzels UI"
# One code before and one after: the clocks of phones are not exact.
MFA_TOTP_TOLERANCE = 1

# How often one may, all processes together: an API token in a minute, people and teams in an hour
API_CALLS_PER_MINUTE = env.whole("API_CALLS_PER_MINUTE", default=120, least=1)
STYLES_PER_HOUR = env.whole("STYLES_PER_HOUR", default=60, least=1)
TEAM_STYLES_PER_HOUR = env.whole("TEAM_STYLES_PER_HOUR", default=240, least=1)
UPLOADS_PER_HOUR = env.whole("UPLOADS_PER_HOUR", default=300, least=1)
UPLOAD_MB_PER_HOUR = env.whole("UPLOAD_MB_PER_HOUR", default=2_000, least=1)
EXPORTS_PER_HOUR = env.whole("EXPORTS_PER_HOUR", default=60, least=1)

# For how many days they are kept, 0 for always: see styles/retention.py
KEEP_DAYS = {
    "drafts": env.whole("KEEP_DRAFTS_DAYS", default=30),
    "originals": env.whole("KEEP_ORIGINALS_DAYS", default=0),
    "details": env.whole("KEEP_DETAILS_DAYS", default=0),
    "notices": env.whole("KEEP_NOTICES_DAYS", default=90),
    "invitations": env.whole("KEEP_INVITATIONS_DAYS", default=90),
    "sign_ins": env.whole("KEEP_SIGN_INS_DAYS", default=90),
    "mails": env.whole("KEEP_MAILS_DAYS", default=30),
    "journals": env.whole("KEEP_JOURNALS_DAYS", default=120),
}

# Mail: without a server it goes to the terminal and to a page for the owner

DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default=f"pikzels-ui@{_public.hostname}")
MAIL_DIR = DATA_DIR / "mails"
EMAIL_TIMEOUT = 10
EMAIL_BACKEND = "teams.mails.KeptMails"
if MAIL_SERVER := bool(_mail := env.mail("EMAIL_URL")):
    vars().update(_mail)

# Browsers

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # Single pages allow themselves one more kind: `pikzels_ui/headers.py`.
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "upgrade-insecure-requests": HTTPS,
    }
}
X_FRAME_OPTIONS = "DENY"
# A session ends so long after signing in, and earlier where it was not used for a while.
SESSION_DAYS = env.whole("SESSION_DAYS", default=30, least=1)
SESSION_COOKIE_AGE = SESSION_DAYS * 24 * 3600
SESSION_IDLE_DAYS = env.whole("SESSION_IDLE_DAYS", default=7, least=1)
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
if HTTPS:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    MESSAGE_STORAGE = "pikzels_ui.messages.HostBoundStorage"
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.flag(
        "HSTS_SUBDOMAINS", default=False
    )
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = ["^(healthz|readyz)$"]

DEFAULT_EXCEPTION_REPORTER = "pikzels_ui.reports.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "pikzels_ui.reports.Filter"
LOG_FORMAT = env.choice("LOG_FORMAT", default="plain", of=FORMATS)
LOGGING = logging_config(LOG_FORMAT, env.choice("LOG_LEVEL", default="INFO", of=LEVELS))
# Lets whoever watches the server read more of /readyz than a word.
HEALTH_TOKEN = env.secret("HEALTH_TOKEN", lambda: read_secret("HEALTH_TOKEN"))
