"""Settings, all from the environment; a bare checkout runs with none.

README.md lists them for operators. Wrong ones are system checks (`styles/checks.py`).
"""

from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key

from .secrets import kept_secret, read_secret, secret_file

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = kept_secret(
    "SECRET_KEY", made_by=get_random_secret_key, kept_in=DATA_DIR / "keys" / "secret_key"
)
# Several, newest first and separated by commas: the first encrypts, all of them decrypt.
ENCRYPTION_KEYS = kept_secret(
    "ENCRYPTION_KEYS",
    made_by=lambda: Fernet.generate_key().decode(),
    kept_in=DATA_DIR / "keys" / "encryption_keys",
).split(",")
# The file that they are read from again whenever they are needed; None: they cannot change.
ENCRYPTION_KEYS_IN = secret_file("ENCRYPTION_KEYS", DATA_DIR / "keys" / "encryption_keys")
DEBUG = env.bool("DEBUG", default=False)

# Where it listens, and the address by which people know it

BIND = env.str("BIND", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
_public = urlsplit(PUBLIC_URL)
HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = [_public.hostname or "", "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"] if _public.netloc else []

# Pikzels

PIKZELS_API_KEY = read_secret("PIKZELS_API_KEY")
PIKZELS_BASE_URL = env.str("PIKZELS_BASE_URL", default="https://api.pikzels.com").rstrip("/")
SANDBOX_ENABLED = env.bool("SANDBOX", default=not PIKZELS_API_KEY)
SANDBOX_PORT = env.int("SANDBOX_PORT", default=8001)
SANDBOX_TRAIN_SECONDS = env.float("SANDBOX_TRAIN_SECONDS", default=6.0)
IN_FLIGHT_PER_KEY = env.int("IN_FLIGHT_PER_KEY", default=4)
ANSWER_SECONDS = env.float("ANSWER_SECONDS", default=180.0)

# Whether pictures are fetched from links; else Pikzels gets the links themselves
FETCH_LINKS = env.bool("FETCH_LINKS", default=True)
# What a style costs, shown beside the button; hidden while STYLE_PRICE is unset
STYLE_PRICE = env.str("STYLE_PRICE", default="")
STYLE_PRICE_AS_OF = (
    date.fromisoformat(env.str("STYLE_PRICE_AS_OF")) if env.str("STYLE_PRICE_AS_OF", "") else None
)

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
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "pikzels_ui.headers.for_this_site_only",
    "styles.api.errors.in_one_shape",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "pikzels_ui.odd_requests.turned_away",
    "pikzels_ui.caching.private_by_default",
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
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: an ID that was committed must outlive a power cut, not only a crash.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
ATOMIC_REQUESTS = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Rate limits must hold across web processes; and a counter that is culled has forgotten its tries,
# so that there have to be more places than anybody can fill while they count.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "locale"]

# Files

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_HANDLERS = ["styles.uploads.CappedUploadHandler"]
# On the media's own file system, so that an accepted file is renamed into place.
FILE_UPLOAD_TEMP_DIR = MEDIA_ROOT / "incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)
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
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", default=1 if HTTPS else 0)
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# A found or stolen device must not be enough. Always, for django-allauth does not keep apart what a
# passkey was asked for: the answer to a weaker question, after a password, would do without one.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = "Pikzels UI"
# One code before and one after: the clocks of phones are not exact.
MFA_TOTP_TOLERANCE = 1

# How often one may, all processes together: an API token in a minute, people and teams in an hour
API_CALLS_PER_MINUTE = env.int("API_CALLS_PER_MINUTE", default=120)
STYLES_PER_HOUR = env.int("STYLES_PER_HOUR", default=60)
TEAM_STYLES_PER_HOUR = env.int("TEAM_STYLES_PER_HOUR", default=240)
UPLOADS_PER_HOUR = env.int("UPLOADS_PER_HOUR", default=300)
UPLOAD_MB_PER_HOUR = env.int("UPLOAD_MB_PER_HOUR", default=2_000)
EXPORTS_PER_HOUR = env.int("EXPORTS_PER_HOUR", default=60)

# Mail: without a server it goes to the terminal and to a page for the owner

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"pikzels-ui@{_public.hostname}")
MAIL_DIR = DATA_DIR / "mails"
EMAIL_TIMEOUT = 10
if env.str("EMAIL_URL", default=""):
    vars().update(env.email("EMAIL_URL"))
    MAIL_SERVER = True
else:
    EMAIL_BACKEND = "teams.mails.KeptMails"
    MAIL_SERVER = False

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
SESSION_DAYS = env.int("SESSION_DAYS", default=30)
SESSION_COOKIE_AGE = SESSION_DAYS * 24 * 3600
SESSION_IDLE_DAYS = env.int("SESSION_IDLE_DAYS", default=7)
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
if HTTPS:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    MESSAGE_STORAGE = "pikzels_ui.messages.HostBoundStorage"
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool("HSTS_SUBDOMAINS", False)
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = ["^healthz$"]

DEFAULT_EXCEPTION_REPORTER = "pikzels_ui.reports.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "pikzels_ui.reports.Filter"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "pikzels_ui.redaction.RedactingFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"terminal": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["terminal"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Whatever LOG_LEVEL says: on DEBUG its templates write down all that a page knows.
        "django": {"handlers": ["terminal"], "level": "INFO", "propagate": False},
    },
}
