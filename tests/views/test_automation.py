"""The automation's pages: rules written and read in plain words, previewed, ordered, paused; traces and messages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from jobs import automation, connections
from models import Connection, Message, Rule, Status, WebhookEndpoint, db
from orders import rules
from orders.rules import Draft

from ..jobs.conftest import make_orders
from .helpers import count_queries, login

HOSTILE = "<script>alert(1)</script>"


def status(key: str) -> int:
    found = db.session.scalar(db.select(Status.id).where(Status.key == key))
    assert found
    return found


@pytest.fixture
def ids(app: Flask) -> dict[str, int]:
    with app.app_context():
        bot = connections.create("telegram", "Bot", {"token": "123:secret"})
        crm = connections.create("retailcrm", "CRM", {"api_url": "https://crm.example", "api_key": "k", "site": "s"})
        db.session.commit()
        keys = ("new", "confirmed", "problem")
        return {"bot": bot.id, "crm": crm.id, **{key: status(key) for key in keys}}


def filled(ids: dict[str, int], **more: Any) -> MultiDict[str, str]:
    """A form as the editor sends it, with everything in it."""
    values = {
        "name": "Large ones",
        "event": "status",
        "p-statuses": [ids["new"], ids["confirmed"]],
        "c0-field": "total_from",
        "c0-value": "1 500,50",
        "c1-field": "payment",
        "c1-op": "not",
        "c1-values": ["cod_cash"],
        "a0-kind": "send",
        "a0-connection": ids["crm"],
        "a0-success": ids["confirmed"],
        "a0-failure": "",
        "a1-kind": "chat",
        "a1-connection": ids["bot"],
        "a1-chat": "-100123",
        "a1-text": "Order {number}",
        "a2-kind": "cancel",
        "a2-text": "Too dear",
        "stop": "1",
    }
    return MultiDict({**values, **more})


def saved(app: Flask) -> list[Rule]:
    with app.app_context():
        return list(rules.listed())


def test_a_rule_is_written_kept_and_read_in_plain_words(app: Flask, owner: FlaskClient, ids: dict[str, int]) -> None:
    answer = owner.post("/automation/new", data=filled(ids))
    assert answer.status_code == 303, answer.text
    (rule,) = saved(app)
    assert (rule.event, rule.stop, rule.created_by) == ("status", True, "Owner")
    assert rule.params == {"statuses": [ids["new"], ids["confirmed"]]}
    assert rule.conditions == [
        {"field": "total_from", "value": "1500.50"},
        {"field": "payment", "op": "not", "values": ["cod_cash"]},
    ]
    assert rule.actions == [
        {"kind": "send", "connection": ids["crm"], "success": ids["confirmed"], "failure": None},
        {"kind": "chat", "connection": ids["bot"], "chat": "-100123", "text": "Order {number}"},
        {"kind": "cancel", "text": "Too dear"},
    ]
    words = re.sub(r"<[^>]+>|\s+", " ", owner.get("/automation").text)
    words = re.sub(r"\s+", " ", words)
    assert "When the status becomes New or Confirmed, if the sum is 1500.50 or more" in words
    assert "and payment is not On delivery, cash, then send it to CRM, then Confirmed" in words
    assert "write to the chat -100123; cancel it: “Too dear”" in words
    page = owner.get(f"/automation/{rule.id}").text
    assert 'value="1500.50"' in page
    assert page.count(" selected") >= 8


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": " "}, "name"),
        ({"c0-value": "much"}, "c0-value"),
        ({"c0-value": "NaN"}, "c0-value"),
        ({"c1-values": []}, "c1-values"),
        ({"a0-connection": ""}, "a0-connection"),
        ({"a1-chat": "my chat"}, "a1-chat"),
        ({"a1-text": ""}, "a1-text"),
        ({"event": "waited", "p-status": "", "p-number": "5"}, "p-status"),
        ({"event": "waited", "p-status": "1", "p-number": "0"}, "p-number"),
        ({"event": "schedule", "p-every": "day", "p-at": "25:00"}, "p-at"),
        ({"event": "schedule", "p-every": "60"}, "event"),
        ({"a0-kind": "webhook", "a0-url": "ftp://shop"}, "a0-url"),
        ({"a0-kind": "email", "a0-to": "a@b.ua, c@d.ua", "a0-subject": "S", "a0-text": "T"}, "a0-to"),
        ({"a0-kind": "email", "a0-to": "", "a0-subject": "", "a0-text": "T"}, "a0-subject"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    app: Flask, owner: FlaskClient, ids: dict[str, int], more: dict[str, Any], field: str
) -> None:
    answer = owner.post("/automation/new", data=filled(ids, **more))
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert saved(app) == []
    assert answer.text.count("Too dear") == 1  # nothing typed is lost


def test_without_actions_and_with_a_taken_name(app: Flask, owner: FlaskClient, ids: dict[str, int]) -> None:
    assert "add an action" in owner.post("/automation/new", data={"name": "N", "event": "created"}).text
    owner.post("/automation/new", data=filled(ids))
    answer = owner.post("/automation/new", data=filled(ids))
    assert (answer.status_code, "with this name already" in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("event", "params", "words"),
    [
        ("created", {}, "an order is made here"),
        ("status", {}, "the status changes"),
        ("paid", {}, "payment is received"),
        ("external", {}, "any system reports a new status"),
        ("external", {"p-their": "gone"}, "any system reports the status “gone”"),
        ("schedule", {"p-every": "60"}, "every hour"),
        ("schedule", {"p-every": "day", "p-at": "9:05"}, "it is 9:05, each day"),
        ("waited", {"p-status": "new", "p-number": "2", "p-unit": "hours"}, "an order stands in New for 2 hours"),
        ("waited", {"p-status": "new", "p-number": "1", "p-unit": "days"}, "an order stands in New for 1 day"),
    ],
)
def test_every_event_has_its_words_and_its_fields(
    app: Flask, owner: FlaskClient, ids: dict[str, int], event: str, params: dict[str, str], words: str
) -> None:
    params = {name: str(ids.get(value, value)) for name, value in params.items()}
    condition = {"c0-field": "status", "c0-op": "is", "c0-values": ids["new"], "c1-field": "paid", "c1-op": "not"}
    action = {"a0-kind": "status", "a0-status": ids["problem"]}
    answer = owner.post("/automation/new", data={"name": "N", "event": event, **params, **condition, **action})
    assert answer.status_code == 303
    assert words in owner.get("/automation").text
    (rule,) = saved(app)
    assert owner.get(f"/automation/{rule.id}").status_code == 200


def test_rows_come_and_go_without_saving(app: Flask, owner: FlaskClient, ids: dict[str, int]) -> None:
    htmx = {"HX-Request": "true"}
    more = owner.post("/automation/draft", data=filled(ids, add="condition"), headers=htmx).text
    assert 'name="c2-field"' in more
    assert "<html" not in more
    less = owner.post("/automation/draft", data=filled(ids, remove="a1"), headers=htmx).text
    assert "Too dear" in less
    assert 'name="a2-kind"' not in less
    plain = owner.post("/automation/draft", data=filled(ids, add="action")).text
    assert 'name="a3-kind"' in plain
    assert "<html" in plain
    for field in ("source", "shop", "type", "mark", "paid", "total_to"):
        assert owner.post("/automation/draft", data=filled(ids, **{"c0-field": field})).status_code == 200
    for kind in rules.ACTIONS:
        assert owner.post("/automation/draft", data=filled(ids, **{"a0-kind": kind})).status_code == 200
    assert saved(app) == []


def test_the_preview_says_which_orders(app: Flask, owner: FlaskClient, ids: dict[str, int]) -> None:
    with app.app_context():
        make_orders(7)
    form = {"name": "", "event": "created", "c0-field": "total_from", "c0-value": "100"}
    page = owner.post("/automation/preview", data=form).text
    assert "it would have acted on 7 orders" in page
    assert page.count("<a ") == 5
    assert "no order" in owner.post("/automation/preview", data=form | {"c0-value": "1000"}).text
    assert "Fill in" in owner.post("/automation/preview", data=form | {"c0-value": "x"}).text
    scheduled = {"event": "schedule", "c0-field": "status", "c0-op": "is", "c0-values": ids["new"]}
    assert "If it ran now it would act on 7 orders" in owner.post("/automation/preview", data=scheduled).text


def test_a_webhooks_key_is_shown_once(app: Flask, owner: FlaskClient, ids: dict[str, int]) -> None:
    form = filled(ids, **{"a0-kind": "webhook", "a0-url": "https://shop.example/hook"})
    page = owner.post("/automation/new", data=form, follow_redirects=True).text
    assert "whsec_" in page
    assert "call the webhook https://shop.example/hook" in page
    assert "whsec_" not in owner.get("/automation").text
    with app.app_context():
        endpoint = db.session.scalars(db.select(WebhookEndpoint)).one()
        assert (endpoint.url, endpoint.events) == ("https://shop.example/hook", [])


def test_a_webhook_of_a_rule_says_that_it_hears_of_nothing_else(
    app: Flask, owner: FlaskClient, ids: dict[str, int]
) -> None:
    owner.post("/automation/new", data=filled(ids, **{"a0-kind": "webhook", "a0-url": "https://shop.example/hook"}))
    with app.app_context():
        endpoint_id = db.session.scalars(db.select(WebhookEndpoint.id)).one()
        rule_id = db.session.scalars(db.select(Rule.id)).one()
    assert "Only what the rule “Large ones” orders" in owner.get("/settings/webhooks").text
    url = f"/settings/webhooks/{endpoint_id}"
    assert "choose events below" in owner.get(url).text
    assert owner.post(url, data={"url": "https://shop.example/other"}).status_code == 303  # needs no event
    assert owner.post(url, data={"url": "https://shop.example/other", "order_created": "1"}).status_code == 303
    assert "New order · what the rule “Large ones” orders" in owner.get("/settings/webhooks").text
    owner.post(url, data={"url": "https://shop.example/other"})
    owner.post(f"/automation/{rule_id}/delete")
    assert "Nothing: no event is chosen" in owner.get("/settings/webhooks").text
    assert "Nothing is sent to this address" in owner.get(url).text
    assert owner.post(url, data={"url": "https://shop.example/other"}).status_code == 422


def test_order_switch_pause_and_delete(app: Flask, owner: FlaskClient, ids: dict[str, int]) -> None:
    for name in ("A", "B", "C"):
        owner.post("/automation/new", data=filled(ids, name=name))
    a, b, c = (rule.id for rule in saved(app))
    owner.post("/automation/order", data={"rule": c, "to": "up"})
    assert [rule.name for rule in saved(app)] == ["A", "C", "B"]
    assert owner.post("/automation/order", data={"ids": f"{b},x,{a}"}, headers={"X-Dragged": "1"}).status_code == 204
    assert [rule.name for rule in saved(app)] == ["B", "A", "C"]
    owner.post(f"/automation/{a}/enabled", data={"enabled": "0"})
    assert [rule.enabled for rule in saved(app)] == [True, False, True]
    assert "All rules are paused" in owner.post("/automation/pause", data={"paused": "1"}, follow_redirects=True).text
    owner.post("/automation/pause", data={"paused": "0"})
    assert "All rules are paused" not in owner.get("/automation").text
    owner.post(f"/automation/{b}/delete")
    assert [rule.name for rule in saved(app)] == ["A", "C"]
    assert owner.get(f"/automation/{b}").status_code == 404


def test_others_read_but_change_nothing(app: Flask, client: FlaskClient, ids: dict[str, int]) -> None:
    with app.app_context():
        rule = rules.save(None, Draft("R", "created", actions=[{"kind": "cancel", "text": ""}]), "Olena")
        db.session.commit()
        rule_id = rule.id
    login(client, "manager")
    assert "then</b> cancel it" in client.get("/automation").text
    assert 'fieldset id="rule-parts" disabled' in client.get(f"/automation/{rule_id}").text
    assert client.get("/automation/new").status_code == 403
    assert client.post(f"/automation/{rule_id}", data=filled(ids)).status_code == 403
    assert client.post("/automation/pause", data={"paused": "1"}).status_code == 303
    login(client, "viewer")
    assert client.get("/automation").status_code == 200
    assert client.post("/automation/pause", data={"paused": "0"}).status_code == 403


def test_why_is_this_order_here(app: Flask, owner: FlaskClient, ids: dict[str, int]) -> None:
    with app.app_context():
        confirm = {"kind": "status", "status": ids["confirmed"]}
        back = {"kind": "status", "status": ids["new"]}
        rules.save(None, Draft(HOSTILE, "created", actions=[confirm]), "O")
        rules.save(None, Draft("Back", "status", {"statuses": [ids["confirmed"]]}, actions=[back]), "O")
        rules.save(None, Draft("Forth", "status", {"statuses": [ids["new"]]}, actions=[confirm]), "O")
        db.session.commit()
        order_id = make_orders(1, last_name=HOSTILE)[0]
        for _ in range(5):
            automation.work()
    page = owner.get(f"/automation/log/{order_id}").text
    assert "<script>alert" not in page
    assert "Change the status, Confirmed: done" in page
    assert "going on would turn in a circle" in page
    card = owner.get("/orders/T-00001").text
    assert f'href="/automation/log/{order_id}"' in card
    assert owner.get("/automation/log/999").status_code == 404
    with app.app_context():
        rule_id = rules.listed()[0].id
    assert "Confirmed: done" in owner.get(f"/automation/{rule_id}").text


def test_messages_are_listed_and_sent_again_by_a_person(app: Flask, owner: FlaskClient, ids: dict[str, int]) -> None:
    with app.app_context():
        order_id = make_orders(1)[0]
        common = {"order_id": order_id, "rule_name": HOSTILE, "channel": "chat", "target": "1", "body": "x"}
        for state in ("sent", "unknown", "failed", "waiting"):
            db.session.add(Message(**common, state=state, connection_id=ids["bot"], subject=f"to {state}"))
        db.session.commit()
        unknown = db.session.scalars(db.select(Message).filter_by(state="unknown")).one().id
    page = owner.get("/automation/messages").text
    assert "<script>alert" not in page
    assert page.count("Send again") >= 2
    assert "It is sent once more" in owner.post(f"/automation/messages/{unknown}/again", follow_redirects=True).text
    with app.app_context():
        assert db.session.get_one(Message, unknown).state == "waiting"
    assert "It is on its way" in owner.post(f"/automation/messages/{unknown}/again", follow_redirects=True).text
    assert "once more" in owner.get("/orders/T-00001").text


def test_few_queries_for_many_rules(app: Flask, owner: FlaskClient, ids: dict[str, int]) -> None:
    with app.app_context():
        for number in range(60):
            rules.save(None, Draft(f"R{number}", "created", actions=[{"kind": "cancel"}]), "O")
        db.session.commit()
        connection = db.session.get(Connection, ids["bot"])
        assert connection
    owner.get("/automation")
    for address in ("/automation", "/automation/1", "/automation/messages"):
        with count_queries(owner) as queries:
            assert owner.get(address).status_code == 200
        assert len(queries) <= 12, queries
