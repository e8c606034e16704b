"""The scheduler process, `python -m jobs.cron`: RQ's CronScheduler with our list of periodic jobs.

Not `rq cron jobs/cron.py`: in RQ 3.0 that command enqueues with pickle whatever the workers read, and ours read JSON
only. Connections' own schedules are rows in the database; `jobs.schedule.tick` looks which of them are due.
"""

from __future__ import annotations

import sys

import redis
from rq import Queue
from rq.cron import CronJob, CronScheduler
from rq.job import Job
from rq.serializers import JSONSerializer

import config
from ops import logs

#: (function, queue, seconds between runs)
PERIODIC = (
    ("jobs.work.sweep", "high", 15),  # due transfers that no wake-up reached
    ("jobs.schedule.tick", "high", 10),  # schedules that are due
    ("jobs.inbox.sweep", "high", 15),  # notices that no wake-up reached
    ("jobs.held.tick", "high", 15),  # orders whose time to be paid is over
    ("jobs.payments.sweep", "high", 15),  # payments to be asked for, or looked at again
    ("jobs.automation.tick", "high", 30),  # times that rules gave, their schedules, what no wake-up reached
    ("jobs.notice_scan.tick", "high", 30),  # what staff want to be told of
    ("jobs.webhooks.sweep", "high", 15),  # webhook deliveries that are due, or that a dead worker held
    ("jobs.retention.night", "low", 300),  # once a night, what is older than the owner keeps it
)
#: Seconds without a heartbeat after which the scheduler counts as dead; it beats at every run, at least each 10 s.
SILENCE = 45


class JsonCronJob(CronJob):
    """A periodic job named by a string and enqueued as JSON."""

    def enqueue(self, connection: redis.Redis) -> Job:
        """No history and no result is kept. A run nobody took in two intervals expires: the next one does its work."""
        queue = Queue(self.queue_name, connection=connection, serializer=JSONSerializer)
        lifetime = 2 * (self.interval or 60)
        return queue.enqueue(self.func_name, ttl=lifetime, result_ttl=0, failure_ttl=3600, job_timeout=120)


def scheduler(connection: redis.Redis) -> CronScheduler:
    """RQ's scheduler loaded with PERIODIC."""
    made = CronScheduler(connection=connection, logging_level="WARNING")
    made._cron_jobs = [JsonCronJob(queue, func_name=name, interval=every) for name, queue, every in PERIODIC]
    return made


def main() -> int:
    """Run until SIGTERM. Exit status 1 when the broker is gone: whoever started this starts it again."""
    settings = config.load()
    logs.configure(settings.log_level)
    url = settings.redis_url
    if not url:
        print("REDIS_URL is not set and no embedded broker is running", file=sys.stderr)
        return 1
    try:
        scheduler(redis.Redis.from_url(url)).start()
    except redis.RedisError as error:
        print(f"scheduler: the broker does not answer: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
