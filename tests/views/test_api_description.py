"""/api/v1/openapi.json is true: Schemathesis makes requests from it, good and bad, and holds the answers against it."""

from __future__ import annotations

from decimal import Decimal

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from models import SCOPES, db
from orders import creation, placing, tokens
from orders.timeline import Actor
from views.api.blueprint import OPERATIONS

CONFIG = {
    # 422: an order that fits its schema may break a rule of orders; 404, 409: what it speaks of is not there, or taken
    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "422"]}},
    "generation": {"deterministic": True, "with-security-parameters": False},
}
EXAMPLES = 12


@pytest.fixture
def token(app: Flask) -> str:
    app.config["API_LIMIT"] = "100000 per minute"
    with app.app_context():
        drafts = [creation.Draft({"number": str(n), "currency": "UAH", "total": Decimal(5)}) for n in range(3)]
        creation.insert_many(drafts, Actor("person", "Olena"))
        placing.put_product("0", {"name": "Cup", "price": Decimal(5)})
        _row, token = tokens.create("Tester", SCOPES, "Olena")
        db.session.commit()
        return token


POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
#: PostgreSQL refuses other values than SQLite does, where values are stored
CASES = [
    pytest.param(database, found, mode, id=f"{database}-{found.id}-{mode.value}")
    for found in OPERATIONS
    for database in ("sqlite", "postgresql")
    for mode in (POSITIVE, NEGATIVE)
    if (mode == POSITIVE or found.body or found.query) and (database == "sqlite" or (found.body and mode == POSITIVE))
]


@pytest.mark.parametrize(("database_url", "found", "mode"), CASES, indirect=["database_url"])
def test_the_description_is_true(app, token, found, mode):
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=SchemathesisConfig.from_dict(CONFIG))
    operation = schema[found.path][found.method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def holds(case):
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"})

    holds()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_a_token_the_description_is_true_as_well(app):
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=SchemathesisConfig.from_dict(CONFIG))
    assert {(f.path, f.method) for f in OPERATIONS} == {
        (operation.ok().path, operation.ok().method.upper()) for operation in schema.get_all_operations()
    }
    client = app.test_client()
    for found in OPERATIONS:
        answer = client.open("/api/v1" + found.path.replace("{", "").replace("}", ""), method=found.method)
        assert answer.status_code == 401
