"""What the hub's programs need, imported: preloaded by the server that forked.py has its processes forked from.

An app is made and thrown away, because views and connectors are imported by making one.
"""

import tempfile
from importlib import import_module

import config
from app import create_app

for _name in ("flask.cli", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread", "jobs.cron", "jobs.worker", "rq.cli"):
    import_module(_name)
with tempfile.TemporaryDirectory() as _folder:
    create_app(config.load({"DATA_DIR": _folder}))
