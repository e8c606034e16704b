"""The RQ worker: `rq worker-pool -w jobs.worker.HubWorker -S json high default low`.

It runs jobs in its own process. A fork for each job costs 20-40 ms and would cap a worker at some 50 jobs a second
(and a fresh SQLAlchemy pool each time); our jobs are idempotent and hold leases, so a job that takes its process down
costs one restart by the pool and nothing else.
"""

from __future__ import annotations

import signal
from importlib import import_module
from multiprocessing import parent_process
from types import TracebackType
from typing import Any

import structlog
from rq import SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue

from ops import logs
from ops.processes import die_with_parent

#: Seconds after which a silent worker counts as dead; RQ's own 420 would leave /readyz green for minutes.
WORKER_TTL = 30

# Imported by the pool before it forks, so that its workers share the memory and start at once. By name, because app
# imports views, which import jobs: as an import statement this would read as jobs depending on views.
_app_module = import_module("app")

log = structlog.get_logger(__name__)


class HubWorker(SimpleWorker):
    """Runs each job in an application context; leaving the context ends the job's database session."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("worker_ttl", WORKER_TTL)
        super().__init__(*args, **kwargs)
        self.flask_app: Any = None

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """As in RQ, without its scheduler: waits live in the database (Transfer.not_before), not in the broker."""
        if parent_process():
            die_with_parent()  # a pool killed by -9 must not leave workers behind
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until RQ installs its own: no traceback from a stop at start
        kwargs["with_scheduler"] = False
        self.flask_app = _app_module.create_app()
        logs.configure(self.flask_app.config["HUB"].log_level)
        return super().work(*args, **kwargs)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        with self.flask_app.app_context(), structlog.contextvars.bound_contextvars(job=job.id):
            return super().perform_job(job, queue, execution)

    def handle_exception(
        self, job: Job, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """One log line with the job's id; RQ's own prints the arguments and the traceback a second time."""
        log.error("job_failed", job=job.id, function=job.func_name, exc_info=(kind, error, trace))
