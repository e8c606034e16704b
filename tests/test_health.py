"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import time

import pytest
from rq import SimpleWorker
from rq.cron_scheduler_registry import get_registry_key
from rq.serializers import JSONSerializer

from jobs.cron import scheduler
from views import health

from . import servers
from .conftest import close, make_app, make_settings


@pytest.fixture
def worker(valkey):
    made = SimpleWorker(["high"], connection=valkey, serializer=JSONSerializer, worker_ttl=30)
    made.register_birth()
    yield made
    made.register_death()


@pytest.fixture
def cron(valkey):
    made = scheduler(valkey)
    made.register_birth()
    return made


def test_healthz(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_ready_when_all_parts_work(client, worker, cron):
    answer = client.get("/readyz")
    assert answer.json == {"ready": True, "database": "ok", "broker": "ok", "worker": "ok", "scheduler": "ok"}
    assert answer.status_code == 200


def test_no_worker_and_no_scheduler(client):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["worker"] == "no live worker"
    assert answer.json["scheduler"] == "no live scheduler"
    assert answer.json["database"] == answer.json["broker"] == "ok"


def test_a_silent_worker_does_not_count_but_a_busy_one_does(client, worker, cron, valkey):
    valkey.hset(worker.key, "last_heartbeat", "2020-01-01T00:00:00.000000Z")
    assert client.get("/readyz").json["worker"] == "no live worker"
    valkey.hset(worker.key, "state", "busy")
    assert client.get("/readyz").json["worker"] == "ok"


def test_a_silent_scheduler_does_not_count(client, worker, cron, valkey):
    valkey.zadd(get_registry_key(), {cron.name: time.time() - 60})
    assert client.get("/readyz").json["scheduler"] == "no live scheduler"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("redis_url", ["", "redis://127.0.0.1:1/0"])
def test_without_a_broker(tmp_path, database_url, redis_url):
    app = make_app(make_settings(tmp_path, database_url, redis_url))
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json["database"] == "ok"
    assert answer.json["broker"] == "does not answer"
    assert answer.json["worker"] == answer.json["scheduler"] == "unknown: the broker does not answer"
    close(app)


def test_without_a_database(tmp_path, valkey, valkey_url, worker, cron):
    url = f"postgresql://postgres@127.0.0.1:{servers.free_port()}/nothing"
    app = make_app(make_settings(tmp_path, url, valkey_url))
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json["database"] == "does not answer"
    assert answer.json["worker"] == "ok"
    close(app)


def test_metrics_tell_the_state_of_the_hub(client, worker):
    text = client.get("/metrics").text
    for line in (
        'perron_transfers{state="waiting"} 0.0',
        "perron_oldest_due_seconds 0.0",
        'perron_attempts_5m{outcome="done"} 0.0',
        "perron_runs_failed_5m 0.0",
        'perron_queue_jobs{queue="high"} 0.0',
        "perron_workers 1.0",
    ):
        assert line in text.splitlines()
    client.get("/healthz")
    assert 'perron_http_request_seconds_count{endpoint="health.healthz",status="2xx"}' in client.get("/metrics").text


def test_metrics_are_for_this_machine(client):
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403


class TestWithToken:
    @pytest.fixture
    def extra_env(self):
        return {"METRICS_TOKEN": "word"}

    def test_the_token_opens_metrics_to_others(self, client):
        def status(**headers):
            return client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code

        assert status(Authorization="Bearer word") == 200
        assert status(Authorization="Bearer other") == 403
        assert status() == 403
        assert client.get("/metrics").status_code == 403


def test_durations_of_all_processes_are_pooled(client, monkeypatch, tmp_path):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert client.get("/metrics").status_code == 200
    assert health._request_registry() is not health.LOCAL
