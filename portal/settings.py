"""Django's settings, all of them, made from the variables in `environment.py`."""

from __future__ import annotations

import secrets
import sys
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext_lazy as _

from portal import environment
from portal.environment import ROOT

ATELIER = environment.read()
EMBEDDED = ATELIER.mode == "embedded"
# Sent mail is kept in an in-app mailbox only where the portal listens on loopback alone.
MAILBOX = EMBEDDED and not ATELIER.smtp_url


_DATABASE_OPTIONS = {
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "target_session_attrs"),
    *("connect_timeout", "keepalives_idle", "application_name"),
}


def _database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        sys.stderr.write("settings: DATABASE_URL must start with postgresql://\n")
        raise SystemExit(2)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    host = asked.pop("host", parts.hostname or "")
    if unknown := sorted(set(asked) - _DATABASE_OPTIONS):
        sys.stderr.write(f"settings: DATABASE_URL asks for unknown {', '.join(unknown)}\n")
        raise SystemExit(2)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0 if "uvicorn" in sys.argv[0] else 60,
        # A worker's task that meets a dead connection fails, and is done again by the sweep: a
        # question before every task would cost more than all such failures.
        "CONN_HEALTH_CHECKS": "celery" not in sys.argv[0] and "celery" not in sys.argv[:3],
        "OPTIONS": {"connect_timeout": 5, **asked},
    }


DATABASES = {"default": _database(ATELIER.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Without one (a command on a fresh checkout) nothing that is signed outlives the process.
SECRET_KEY = ATELIER.secret_key or secrets.token_urlsafe(50)
DEBUG = ATELIER.debug
ALLOWED_HOSTS = [urlsplit(ATELIER.portal_origin).hostname or "", "127.0.0.1", "[::1]"]
if EMBEDDED:
    ALLOWED_HOSTS += ["localhost"]
CSRF_TRUSTED_ORIGINS = [ATELIER.portal_origin]
ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"

INSTALLED_APPS = [
    "portal.accounts",
    "portal.catalog",
    "portal.desktops",
    "portal.access",
    "portal.api",
    "portal",
    "billing.pricing",
    "provisioner",
    "provisioner.fleet",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "unfold.apps.BasicAppConfig",
    "portal.accounts.apps.StaffConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "portal.middleware.SecurityHeaders",
    "portal.middleware.CanonicalHost",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.middleware.ButtonsLeadBack",
    "portal.accounts.middleware.CurrentMembership",
    "portal.accounts.middleware.RememberedLanguage",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "portal" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.page",
            ],
            "builtins": ["portal.templatetags.atelier"],
        },
    }
]

# --- People -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "portal.accounts.passwords.NotLikeTheAddress",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "portal.accounts.passwords.LongEnough"},
    {"NAME": "portal.accounts.passwords.NotCommon"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "desktops:list"
ACCOUNT_ADAPTER = "portal.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True  # a second factor is still asked for
ACCOUNT_CHANGE_EMAIL = True  # one address a person; the new one counts once it is verified
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"confirm_email": "1/30s/key"}
ALLAUTH_USER_CODE_FORMAT = {"numeric": True, "length": 6, "dashed": False}
# Whose X-Forwarded-For to believe: nobody's, or the ingress' in front of production.
ALLAUTH_TRUSTED_PROXY_COUNT = 0 if EMBEDDED else ATELIER.trusted_proxies
MFA_ADAPTER = "portal.accounts.adapter.SecondFactorAdapter"
MFA_TOTP_TOLERANCE = 1  # clocks of phones drift
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Atelier"

UNFOLD = {  # the operators' pages
    "SITE_TITLE": "Atelier",
    "SITE_HEADER": "Atelier",
    "SITE_SYMBOL": "palette",
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "#f3f4fc", "100": "#e5e8f8", "200": "#cdd4ef", "300": "#a3b0e6",
            "400": "#87a3ff", "500": "#4f66e0", "600": "#2237c3", "700": "#1d2fa6",
            "800": "#1b2a98", "900": "#16226f", "950": "#0a0f24",
        }
    },
}  # fmt: skip

# --- Cookies ------------------------------------------------------------------------------------
# Cookies ignore ports, so the port is part of their names: two copies on one machine would log
# each other out. `__Host-` keeps every other host, desktops included, from setting them.
_mark = "" if not EMBEDDED else str(ATELIER.port)
SESSION_COOKIE_NAME = f"__Host-atelier{_mark}"
CSRF_COOKIE_NAME = f"__Host-atelier-csrf{_mark}"
LANGUAGE_COOKIE_NAME = f"__Host-atelier-language{_mark}"
for _cookie in ("SESSION", "CSRF", "LANGUAGE"):
    globals()[f"{_cookie}_COOKIE_SECURE"] = True
    globals()[f"{_cookie}_COOKIE_HTTPONLY"] = True
    globals()[f"{_cookie}_COOKIE_SAMESITE"] = "Lax"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CSRF_FAILURE_VIEW = "portal.views.csrf_failure"
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
if not EMBEDDED:
    SECURE_SSL_REDIRECT = False  # the ingress ends TLS
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31536000
    # The ingress redirects, and probes come without TLS (W008). Names below the portal's may be
    # somebody else's; whether they take to TLS for ever is not ours to say (W005, W021).
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]

# --- Language and time --------------------------------------------------------------------------
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = ATELIER.language
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [ROOT / "portal" / "locale"]

# --- Files --------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = ROOT / "staticfiles"  # collected when the platform's image is built
STATICFILES_DIRS = [ROOT / "portal" / "static"]
WHITENOISE_USE_FINDERS = EMBEDDED
if not EMBEDDED:  # names that tell the content, so that browsers keep files for ever
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }

# --- Mail ---------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = ATELIER.mail_from
if MAILBOX:
    EMAIL_BACKEND = "portal.accounts.mailbox.MailboxBackend"
else:
    _smtp = urlsplit(ATELIER.smtp_url)
    EMAIL_HOST = _smtp.hostname or ""
    EMAIL_PORT = _smtp.port or (465 if _smtp.scheme == "smtps" else 587)
    EMAIL_HOST_USER = unquote(_smtp.username or "")
    EMAIL_HOST_PASSWORD = unquote(_smtp.password or "")
    EMAIL_USE_SSL = _smtp.scheme == "smtps"
    EMAIL_USE_TLS = not EMAIL_USE_SSL and _smtp.hostname not in ("localhost", "127.0.0.1")

# --- Shared memory of the web processes ---------------------------------------------------------
# Rate limits and short-lived marks. Loss is harmless: PostgreSQL holds the truth.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ATELIER.broker_url.replace("redis+socket://", "unix://"),
        "KEY_PREFIX": "atelier",
    }
}

# --- API ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.api.authentication.BearerToken"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.problems.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Atelier",
    "VERSION": "1",
    "DESCRIPTION": _("Launch and steer desktops."),
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_PATCH": False,
    "SORT_OPERATIONS": False,  # as portal/api/urls.py tells them
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "structlog.stdlib.ProcessorFormatter",
            "processors": [],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
del LOGGING["formatters"]
