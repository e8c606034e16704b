"""The worker and the scheduler, in this process, on a real broker."""

from __future__ import annotations

import os

import pytest
import structlog
from flask import current_app
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from jobs import cron, worker
from models import db
from ops import logs

from .conftest import plain_logs

seen: list[tuple] = []


def note(*args):
    seen.append((args, current_app.name, structlog.contextvars.get_contextvars().get("job"), id(db.session())))


def fail(secret):
    raise ValueError("the sum is wrong")


@pytest.fixture
def environ(monkeypatch, settings, valkey_url):
    """What a worker process reads when it starts."""
    monkeypatch.setenv("DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", valkey_url)
    seen.clear()
    yield
    plain_logs()


@pytest.fixture
def queue(valkey):
    return Queue("default", connection=valkey, serializer=JSONSerializer)


@pytest.fixture
def hub_worker(environ, queue, valkey):
    made = worker.HubWorker([queue], connection=valkey, serializer=JSONSerializer)
    yield made
    with made.flask_app.app_context():
        db.engine.dispose()


pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_each_job_has_a_context_and_a_session_of_its_own(hub_worker, queue):
    jobs = [queue.enqueue("tests.test_worker.note", number) for number in (1, 2)]
    assert hub_worker.work(burst=True)
    assert [(args, name, job) for args, name, job, _ in seen] == [
        ((1,), "app", jobs[0].id),
        ((2,), "app", jobs[1].id),
    ]
    assert os.getpid() == hub_worker.pid


def test_a_failure_is_one_line_with_the_id_and_without_arguments(hub_worker, queue, capsys):
    job = queue.enqueue("tests.test_worker.fail", "word")
    hub_worker.work(burst=True)
    assert job.is_failed
    log = capsys.readouterr().err
    assert log.count("job_failed") == 1
    assert job.id in log
    assert "the sum is wrong" in log
    assert "word" not in log.replace("tests.test_worker.fail", "").replace("fail(secret)", "")


def test_the_pool_does_not_start_rqs_own_scheduler(hub_worker, queue):
    hub_worker.work(burst=True, with_scheduler=True)
    assert hub_worker.scheduler is None


def test_periodic_jobs_are_json_and_expire(valkey, environ):
    made = cron.scheduler(valkey)
    made.enqueue_jobs()
    queues = [Queue(name, connection=valkey, serializer=JSONSerializer) for name in ("high", "low")]
    jobs = {job.func_name: job for queue in queues for job in queue.jobs}
    assert jobs.keys() == {name for name, _, _ in cron.PERIODIC}
    for name, _, every in cron.PERIODIC:
        assert list(jobs[name].args) == []
        assert 0 < valkey.ttl(jobs[name].key) <= 2 * every


def test_every_periodic_function_exists(valkey, environ):
    for job in cron.scheduler(valkey).get_jobs():
        made = Job.create(job.func_name, connection=valkey, serializer=JSONSerializer)
        assert callable(made.func)


def test_the_scheduler_ends_with_a_sentence_without_a_broker(monkeypatch, environ, capsys, tmp_path):
    monkeypatch.setenv("REDIS_URL", "")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert cron.main() == 1
    assert "REDIS_URL is not set" in capsys.readouterr().err
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert cron.main() == 1
    assert "the broker does not answer" in capsys.readouterr().err


def test_a_finished_job_leaves_nothing_behind(hub_worker, queue, valkey):
    job = queue.enqueue("tests.test_worker.note", result_ttl=0)
    hub_worker.work(burst=True)
    with pytest.raises(NoSuchJobError):
        Job.fetch(job.id, connection=valkey, serializer=JSONSerializer)


def test_logs_are_json_when_nobody_looks(capsys, settings):
    logs.configure("INFO")
    structlog.get_logger("hub").info("замовлення", number=7)
    structlog.get_logger("hub").debug("silent")
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert '"event": "замовлення"' in lines[0]
    plain_logs()
