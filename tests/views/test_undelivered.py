"""The problems page: messages, letters and webhooks that reached nobody, their cures, and the number of them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from jobs import problems, reports, undelivered, webhooks
from models import Message, OrderEvent, OrderLink, OrderMail, WebhookDelivery, WebhookEndpoint, db, utcnow
from orders import order_links, outbox
from orders.timeline import Actor

from . import work_data as data
from .helpers import count_queries, login

OLHA = Actor("person", "Olha")


def message(order_id: int, bot: int | None, **values: object) -> Message:
    what = {"channel": "chat" if bot else "email", "target": "-7", "subject": "Warehouse", "body": "New order"}
    row = Message(order_id=order_id, connection_id=bot, rule_name="Tell", finished_at=utcnow(), **{**what, **values})
    db.session.add(row)
    db.session.flush()
    return row


@pytest.fixture
def filled(app):
    """Three causes of unsent messages, a lost answer, a letter to a customer, an address that is called no more."""
    with app.app_context():
        bot, gone = data.connection("telegram", "Bot").id, data.connection("telegram", "Gone", removed_at=utcnow()).id
        ids = data.orders(9)
        key = {"state": "failed", "fault": "credentials", "detail": "Unauthorized"}
        made = {"key": [message(i, bot, **key).id for i in ids[:3]]}
        made["chat"] = [message(ids[3], bot, state="failed", fault="validation", detail=f"blocked {data.HOSTILE}").id]
        made["lost"] = [message(ids[4], bot, state="unknown", fault="timeout", detail="no answer in 10 s").id]
        made["mail"] = [
            message(ids[5], None, state="failed", target="a@b.ua", detail=f"550 no user {i}").id for i in (1, 2)
        ]
        message(ids[6], gone, **key)
        message(ids[6], bot, state="sent")
        link = order_links.issue(ids[7], OLHA)
        used = order_links.issue(ids[8], OLHA)
        used.used_at = utcnow()
        for of in (link, used):
            letter = {"address": "olena@example.com", "language": "uk", "state": "failed", "error": "451 busy"}
            db.session.add(OrderMail(link_id=of.id, **letter))
        hook, _secret = webhooks.create("https://shop.example/hook", outbox.EVENTS)
        hook.enabled, hook.given_up_at = False, utcnow() - timedelta(hours=2)
        off, _secret = webhooks.create("https://off.example/hook", outbox.EVENTS)
        off.enabled = False
        db.session.add_all(WebhookDelivery(**outbox.delivery(hook.id, "order.created", i, {})) for i in ids[:2])
        db.session.commit()
        return {**made, "bot": bot, "orders": ids, "hook": hook.id, "letter": link.id}


def test_a_long_group_is_counted_whole(app, filled):
    with app.app_context():
        more = data.orders(undelivered.SHOWN, prefix="B-")
        for order_id in more:
            message(order_id, filled["bot"], state="failed", fault="credentials", detail="Unauthorized")
        db.session.commit()
        (group,) = [one for one in undelivered.find() if one.fault == "credentials"]
        assert (group.n, len(group.rows)) == (len(more) + 3, undelivered.SHOWN)
        assert [row.id for row in group.rows[:1]] == [max(db.session.scalars(db.select(Message.id)))]


def states(app, ids: list[int]) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(db.select(Message.state).where(Message.id.in_(ids)).order_by(Message.id)))


def test_groups_by_cause_with_their_cures_and_the_number(client, app, filled):
    login(client)
    with count_queries(client) as queries:
        page = client.get("/problems").text
    assert len(queries) <= 12, "\n".join(queries)
    assert re.findall(r'class="problem-count num">(\d+)', page) == ["3", "2", "1", "1", "1", "1"]
    assert '<span class="nav-badge num">9</span>' in page
    with app.app_context():
        assert reports.waiting().total == problems.find().n == 9
    assert "does not accept the bot" in page
    assert f'href="/settings/integrations/{filled["bot"]}#token"' in page
    assert "choose another chat in the rule" in page
    assert "may have arrived" in page
    assert "2 events wait" in page
    assert "off.example" not in page
    assert "<script>alert" not in page


def test_a_group_is_sent_again_with_one_click(client, app, filled):
    login(client)
    answer = client.post(f"/problems/undelivered/messages/{filled['key'][1]}/again", follow_redirects=True)
    assert "3 messages are sent once more" in answer.text
    assert states(app, filled["key"]) == ["waiting"] * 3
    assert states(app, filled["chat"] + filled["lost"]) == ["failed", "unknown"]
    assert '<span class="nav-badge num">6</span>' in answer.text
    again = client.post(f"/problems/undelivered/messages/{filled['key'][1]}/again", follow_redirects=True)
    assert "settled meanwhile" in again.text
    with app.app_context():
        told = db.session.scalars(db.select(OrderEvent).where(OrderEvent.kind == "message")).all()
        assert [(e.actor, e.actor_name, e.detail["outcome"]) for e in told] == [("person", "Owner", "requested")] * 3


def test_what_is_set_aside_is_no_problem_and_can_still_be_sent(client, app, filled):
    login(client)
    client.post(f"/problems/undelivered/messages/{filled['mail'][0]}/aside")
    assert states(app, filled["mail"]) == ["dropped", "dropped"]
    with app.app_context():
        assert reports.waiting().total == problems.find().n == 7
    assert "Set aside" in client.get("/automation/messages").text
    client.post(f"/automation/messages/{filled['mail'][0]}/again")
    assert states(app, filled["mail"]) == ["waiting", "dropped"]


def test_a_letter_with_a_link_is_a_problem_while_the_link_works(client, app, filled):
    login(client)
    with app.app_context():
        letter = db.session.scalar(db.select(OrderMail.id).where(OrderMail.link_id == filled["letter"]))
    client.post(f"/problems/undelivered/letters/{letter}/again")
    with app.app_context():
        row = db.session.get(OrderMail, letter)
        assert (row.state, row.tries) == ("waiting", 0)
        row.state = "failed"
        db.session.add(OrderMail(link_id=row.link_id, address="new@example.com", language="uk", state="sent"))
        db.session.commit()
        assert not [group for group in problems.find().sent if group.kind == "letters"]  # a later one took it out
        db.session.execute(db.delete(OrderMail).where(OrderMail.state == "sent"))
        db.session.commit()
        assert [group.n for group in problems.find().sent if group.kind == "letters"] == [1]
    client.post(f"/problems/undelivered/letters/{letter}/aside")
    with app.app_context():
        assert db.session.get(OrderMail, letter).state == "dropped"
        db.session.get(OrderLink, filled["letter"]).revoked_at = utcnow()
        assert not [group for group in problems.find().sent if group.kind == "letters"]


def test_a_webhook_that_the_hub_gave_up_is_switched_on_or_left_off(client, app, filled):
    url = f"/problems/undelivered/hooks/{filled['hook']}"
    login(client, "manager")
    assert "An owner has to mend the receiver" in client.get("/problems").text
    assert client.post(f"{url}/on").status_code == 403
    login(client)
    assert "delivered now" in client.post(f"{url}/on", follow_redirects=True).text
    with app.app_context():
        row = db.session.get(WebhookEndpoint, filled["hook"])
        assert (row.enabled, row.given_up_at) == (True, None)
        assert reports.waiting().total == 8
        row.enabled, row.given_up_at = False, utcnow()
        db.session.commit()
    assert "settled meanwhile" in client.post("/problems/undelivered/hooks/9999/on", follow_redirects=True).text
    assert "stays switched off" in client.post(f"{url}/aside", follow_redirects=True).text
    assert "settled meanwhile" in client.post(f"{url}/aside", follow_redirects=True).text
    with app.app_context():
        row = db.session.get(WebhookEndpoint, filled["hook"])
        assert (row.enabled, row.given_up_at) == (False, None)


def test_viewers_only_look(client, app, filled):
    login(client, "viewer")
    assert "again</button>" not in client.get("/problems").text
    for url in (f"messages/{filled['key'][0]}/again", f"messages/{filled['key'][0]}/aside", "letters/1/again"):
        assert client.post(f"/problems/undelivered/{url}").status_code == 403
