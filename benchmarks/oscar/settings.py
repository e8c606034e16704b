"""django-oscar as in production: no debugging, cached templates, a connection that stays open, 50 orders a page.

Run by an interpreter of its own (`.venv-peers`), never by the hub's. Which apps and context processors it wants:
https://django-oscar.readthedocs.io/en/stable/internals/getting_started.html. The environment says the rest:
PEER_HOST, PEER_PORT, PEER_DATABASE, PEER_STATUSES (names, parted by commas).
"""

import os

from oscar.defaults import *  # noqa: F403 - Django takes its settings from the names of this module

SECRET_KEY = "for benchmarks only"
DEBUG = False
ALLOWED_HOSTS = ["testserver"]
SITE_ID = 1
ROOT_URLCONF = "urls"
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
LANGUAGE_CODE = "en-gb"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
LOGGING = {"version": 1, "disable_existing_loggers": True}
STATUSES = os.environ["PEER_STATUSES"].split(",")

_DJANGO = ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles", "sites", "flatpages")
#: path of each app: name of its configuration
_OSCAR = {
    "analytics": "Analytics",
    "checkout": "Checkout",
    "address": "Address",
    "shipping": "Shipping",
    "catalogue": "Catalogue",
    "catalogue.reviews": "CatalogueReviews",
    "communication": "Communication",
    "partner": "Partner",
    "basket": "Basket",
    "payment": "Payment",
    "offer": "Offer",
    "order": "Order",
    "customer": "Customer",
    "search": "Search",
    "voucher": "Voucher",
    "wishlists": "Wishlists",
    "dashboard": "Dashboard",
    "dashboard.reports": "ReportsDashboard",
    "dashboard.users": "UsersDashboard",
    "dashboard.orders": "OrdersDashboard",
    "dashboard.catalogue": "CatalogueDashboard",
    "dashboard.offers": "OffersDashboard",
    "dashboard.partners": "PartnersDashboard",
    "dashboard.pages": "PagesDashboard",
    "dashboard.ranges": "RangesDashboard",
    "dashboard.reviews": "ReviewsDashboard",
    "dashboard.vouchers": "VouchersDashboard",
    "dashboard.communications": "CommunicationsDashboard",
    "dashboard.shipping": "ShippingDashboard",
}
INSTALLED_APPS = [
    *(f"django.contrib.{name}" for name in _DJANGO),
    "oscar.config.Shop",
    *(f"oscar.apps.{path}.apps.{name}Config" for path, name in _OSCAR.items()),
    *("widget_tweaks", "haystack", "treebeard", "django_tables2"),
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
]
AUTHENTICATION_BACKENDS = (
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
)
_CONTEXT = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.template.context_processors.i18n",
    "django.contrib.messages.context_processors.messages",
    "oscar.apps.search.context_processors.search_form",
    "oscar.apps.checkout.context_processors.checkout",
    "oscar.apps.communication.notifications.context_processors.notifications",
    "oscar.core.context_processors.metadata",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": _CONTEXT},
    }
]
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["PEER_DATABASE"],
        "HOST": os.environ["PEER_HOST"],
        "PORT": os.environ["PEER_PORT"],
        "USER": "postgres",
        "CONN_MAX_AGE": None,
        "ATOMIC_REQUESTS": True,
        # processes that live for one statement escape the clock
        "OPTIONS": {"options": "-c max_parallel_workers_per_gather=0"},
    }
}

OSCAR_DASHBOARD_ITEMS_PER_PAGE = 50
OSCAR_DEFAULT_CURRENCY = "UAH"
OSCAR_INITIAL_ORDER_STATUS = OSCAR_INITIAL_LINE_STATUS = STATUSES[0]
OSCAR_ORDER_STATUS_PIPELINE = dict.fromkeys(STATUSES, ())
