"""A card with the box of a delivery service, as a browser has it."""

from __future__ import annotations

import json

from models import DeliveryChoice, db

from ..orders import build
from .pages import form_of, parse


def make(app, number="A-1", **values) -> int:
    with app.app_context():
        return build.to_deliver("RU", number, **values)


class Card:
    """The form of a card in a browser: what the box answers becomes a part of it."""

    def __init__(self, client, number="A-1"):
        self.client, self.url = client, f"/orders/{number}"
        self.sent = form_of(client.get(self.url))

    def ask(self, **pressed):
        data = self.sent.copy()
        for name, value in pressed.items():
            data[name.replace("_", "-")] = value
        answer = self.client.post("/delivery/quote", data=data, headers={"HX-Request": "true"})
        if answer.status_code == 204:
            return None
        html = f"<form id=order-form>{answer.get_data(as_text=True)}</form>"
        for name in ("choice", "quote-key", "place", "place-was", "offer", "point", "service"):
            self.sent.poplist(name)
        self.sent.update(form_of(html))
        self.fields = json.loads(answer.headers.get("HX-Trigger-After-Settle", "{}")).get("set-fields", {})
        self.type(**self.fields)
        return parse(html)

    def type(self, **values):
        for name, value in values.items():
            self.sent[name] = value

    def save(self):
        return self.client.post(self.url, data=self.sent)


def held(app):
    with app.app_context():
        return db.session.scalar(db.select(DeliveryChoice))


def prices(box):
    return {label.one("input").get("value"): label.text for label in box.all(".offer")}
