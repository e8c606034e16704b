"""The web server: gunicorn with threads; the same file under `python app.py`, in the Procfile and in the image.

The app is loaded once and then forked: quicker to start and lighter. Safe because nothing of ours opens a connection
at import, and because each worker drops what the engine may hold before its first request.
"""

import gc
import os
import random
import shutil
import sys
from collections import Counter
from contextlib import suppress
from typing import Any

from config import load  # a plain `import config` would read as a setting of that name
from ops import logs
from ops.processes import die_with_parent

settings = load()
logs.configure(settings.log_level)

# Request durations of all processes; counts of an earlier start would only mislead.
metrics_dir = settings.data_dir / "metrics"
shutil.rmtree(metrics_dir, ignore_errors=True)
metrics_dir.mkdir(parents=True)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics_dir)

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
worker_class = "gthread"
workers = settings.web_workers
threads = settings.web_threads
preload_app = True
accesslog = None
loglevel = "warning"
timeout = 60
graceful_timeout = 5
keepalive = 15
max_requests = 20_000  # a slow leak in any package never grows old
max_requests_jitter = 2_000
control_socket_disable = True
#: a page makes some ten thousand objects: collecting at every 700 takes up to a quarter of its time
COLLECT = (10_000, 20, 20)
#: seconds after which a thread that makes a page gives way to one whose query has been answered
SWITCH = 0.0005
forwarded_allow_ips = "127.0.0.1,::1"


def when_ready(server: Any) -> None:
    """Compile the pages before the workers fork: else the first to open one would wait for it, in each of them. What
    the app is made of stays: leave it out of every collection, and its memory shared between the workers."""
    pages = server.app.callable.jinja_env
    for name in pages.list_templates():
        pages.get_template(name)
    gc.collect()
    gc.freeze()


def pre_fork(server: Any, worker: Any) -> None:
    """Each process gets a core of its own, as far as there are enough. Its threads run one at a time anyway; going
    from core to core, each would find its memory in the other's cache, and pages cost up to half as much again."""
    if not settings.web_pinned or not hasattr(os, "sched_getaffinity"):  # only Linux can
        return
    taken = Counter(getattr(other, "core", None) for other in server.WORKERS.values())
    cores = list(os.sched_getaffinity(0))
    random.shuffle(cores)  # other hubs on this machine don't all begin with the first
    worker.core = min(cores, key=taken.__getitem__)


def post_fork(server: Any, worker: Any) -> None:
    with suppress(AttributeError, OSError):  # it is nobody's, or was taken from us meanwhile
        os.sched_setaffinity(0, {worker.core})
    gc.set_threshold(*COLLECT)
    sys.setswitchinterval(SWITCH)
    die_with_parent()
    from models.base import db  # not at the top: gunicorn reads this file before it loads the app

    with worker.app.callable.app_context():
        db.engine.dispose(close=False)


def child_exit(server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)
