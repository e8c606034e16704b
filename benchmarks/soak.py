"""`make soak`: 300 kills of workers at random moments, broker emptied, vendor misbehaving; each order exactly once.

ARGS="--kills 50 --database postgresql --seed 7" changes it. Exit status 1 when an order is missing, doubled or open.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from integrations.sandbox import SandboxServer
from jobs import connections
from models import db
from tests import conftest, crash, servers
from tests.jobs.conftest import make_orders


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        url = f"sqlite:///{folder / 'hub.sqlite3'}"
        if given.database == "postgresql":
            url = servers.create_database(stack.enter_context(servers.postgres_server()), "soak")
        broker = stack.enter_context(servers.valkey_server(folder / "valkey"))
        sandbox = stack.enter_context(SandboxServer())
        more = {"SANDBOX_URL": sandbox.url, "LEASE_SECONDS": str(crash.LEASE)}
        settings = conftest.make_settings(folder, url, broker, **more)
        conftest.migrate(settings)
        app = conftest.make_app(settings)
        with app.app_context():
            address = {"api_url": f"{sandbox.url}/retailcrm", "api_key": "sandbox-token", "site": "shop-1"}
            row = connections.create("retailcrm", "CRM", address)
            db.session.commit()
            started = time.monotonic()
            log = folder / "workers.log"
            crash.soak(app, sandbox, row.id, make_orders, log, kills=given.kills, seed=given.seed, say=print)
            crash.check_exactly_once(sandbox)
        vendor = sandbox.vendor("retailcrm")
        stored, seconds = vendor.count("orders", "sandbox-token"), time.monotonic() - started
        print(f"soak: {given.kills} kills, {stored} orders, each exactly once, all final, in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
