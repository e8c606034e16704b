"""Staff in the KeyCRM sandbox: what they move, the webhooks that tell of it, their pages."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.sandbox import SandboxServer
from integrations.sandbox_http import WireServer
from tests.integrations.keycrm_box import Receiver, card, client, create, read

# Staff and their triggers


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    taker = Receiver()
    wire = WireServer("127.0.0.1", 0, taker)
    thread = threading.Thread(target=wire.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    taker.url = f"http://127.0.0.1:{wire.server_address[1]}"
    yield taker
    wire.stop()
    thread.join()


def test_a_trigger_tells_of_orders_and_cards(box: Any, keycrm: httpx.Client, receiver: Receiver) -> None:
    number, elsewhere = create(keycrm), create(keycrm, "B", source_id=8)
    lead = keycrm.post("/pipelines/cards", json=card()).json()["id"]
    box.set_status(number, 4)
    assert box.fired == [], "nobody built a trigger"
    box.build_trigger(f"{receiver.url}/orders", f"{receiver.url}/cards", sources=[7])
    box.set_status("A-1", "delivering")
    box.set_status(elsewhere, 4)
    keycrm.put(f"/order/{number}", json={"status_id": 12})
    keycrm.put(f"/order/{number}", json={"status_id": 12, "manager_comment": "Готово"})
    keycrm.put(f"/order/{number}/payment/501", json={"status": "paid"})
    box.move_card(lead, 12)
    box.deliver()
    told = [(path, body["event"], body["context"]["status_id"]) for path, body in receiver.seen]
    assert told == [
        ("/orders", "order.change_order_status", 9),
        ("/orders", "order.change_order_status", 12),
        ("/orders", "order.change_payment_status", 12),
        ("/cards", "lead.change_lead_status", 12),
    ]
    context = receiver.seen[1][1]["context"]
    assert (context["source_uuid"], context["source_id"], context["grand_total"]) == ("A-1", 7, "500.00")
    assert not {"buyer", "products", "shipping"} & set(context)
    assert receiver.seen[3][1]["context"]["pipeline_id"] == 2
    assert not {"full_name", "phone", "contact"} & set(receiver.seen[3][1]["context"])


def test_three_attempts_and_no_redirect(box: Any, keycrm: httpx.Client, receiver: Receiver) -> None:
    number = create(keycrm)
    box.build_trigger(f"{receiver.url}/orders")
    receiver.answers = [500, 308, 503]
    box.set_status(number, 4)
    box.deliver(all_tries=True)
    assert [path for path, _body in receiver.seen] == ["/orders"] * 3
    assert (box.fired[0].tries, box.fired[0].answered) == (3, 503)
    receiver.answers = [500]
    box.set_status(number, 8)
    box.deliver(all_tries=True)
    assert len(receiver.seen) == 5
    box.build_trigger("http://127.0.0.1:9/nobody")
    box.set_status(number, 9)
    box.deliver(all_tries=True)
    assert (box.fired[-1].tries, box.fired[-1].answered) == (3, 0)


def test_webhooks_out_of_order_and_repeated(box: Any, keycrm: httpx.Client, receiver: Receiver) -> None:
    number = create(keycrm)
    box.build_trigger(f"{receiver.url}/orders")
    box.hold()
    for status in (4, 8, 9):
        box.set_status(number, status)
    box.deliver()
    assert receiver.seen == []
    assert box.release("reversed") == 3
    box.deliver()
    assert [body["context"]["status_id"] for _path, body in receiver.seen] == [9, 8, 4]
    assert box.repeat(2) == 2
    box.deliver()
    assert [body["context"]["status_id"] for _path, body in receiver.seen[3:]] == [8, 9]
    box.hold()
    box.set_status(number, 12)
    assert box.release("shuffled", times=3) == 3
    box.deliver()
    assert [body["context"]["status_id"] for _path, body in receiver.seen[5:]] == [12, 12, 12]
    with pytest.raises(ValueError, match="order must be"):
        box.release("sideways")


def test_controls_over_http(control: httpx.Client, box: Any, keycrm: httpx.Client, receiver: Receiver) -> None:
    def do(verb: str, **posted: Any) -> Any:
        return control.post(f"/_control/keycrm/{verb}", json=posted)

    first, second, lead = create(keycrm), create(keycrm, "B"), keycrm.post("/pipelines/cards", json=card()).json()["id"]
    hooks = do("webhook", url=f"{receiver.url}/o", cards=f"{receiver.url}/c", sources="7, 8", payments=False).json()[
        "hooks"
    ]
    assert sorted(filter(None, hooks.values())) == [f"{receiver.url}/c", f"{receiver.url}/o"]
    assert do("hold").json() == {"held": True}
    assert [one["status_id"] for one in do("status", order=f"{first}, B", status="4").json()["orders"]] == [4, 4]
    assert do("status", order=[first], status="completed").json()["orders"][0]["id"] == first
    assert do("card", card=lead, status=4).json()["cards"][0]["title"] == "A-1"
    assert do("release", order="reversed", times=2).json() == {"posting": 8}
    box.deliver()
    assert [path for path, _body in receiver.seen] == ["/c", "/o", "/o", "/o"] * 2
    assert do("repeat").json() == {"posting": 1}
    made = do("convert", card=lead).json()["id"]
    whole = keycrm.get(f"/pipelines/cards/{lead}").json()
    assert (whole["target_type"], whole["target_id"]) == ("order", made)
    for verb, wrong in (
        ("status", {"order": "nobody", "status": 4}),
        ("status", {"order": second, "status": "teleported"}),
        ("card", {"card": 99, "status": 4}),
        ("card", {"card": lead, "status": 99}),
        ("convert", {"card": 99}),
    ):
        assert do(verb, **wrong).status_code == 400


def test_pages_for_staff(control: httpx.Client, box: Any, keycrm: httpx.Client) -> None:
    number, lead = create(keycrm), keycrm.post("/pipelines/cards", json=card("<b>")).json()["id"]
    box.build_trigger("http://127.0.0.1:9/nobody")
    box.hold()
    box.set_status(number, 4)
    assert "&lt;b&gt;" in control.get("/keycrm/app").text
    shown = control.get(f"/keycrm/app/orders/view/{number}")
    assert (shown.status_code, "Комплектується" in shown.text, "not yet" in shown.text) == (200, True, True)
    assert "Turn into an order" in control.get(f"/keycrm/app/leads/{lead}").text
    assert (
        control.get("/keycrm/app/orders/view/99").status_code == control.get("/keycrm/app/leads/99").status_code == 404
    )
    moved = control.post("/_control/keycrm/status", data={"order": f"{number}", "status": "9"})
    assert (moved.status_code, moved.headers["Location"]) == (303, "/")
    for page, back in (("/keycrm/app", "/keycrm/app"), ("//evil.example.com", "/")):
        told = {"Referer": f"{str(control.base_url).rstrip('/')}{page}"}
        assert control.post("/_control/keycrm/hold", data={"x": "1"}, headers=told).headers["Location"] == back
    assert (
        control.post(
            "/_control/keycrm/hold", data={"x": "1"}, headers={"Referer": "https://evil.example.com/x"}
        ).headers["Location"]
        == "/"
    )
    assert "/keycrm/app" in control.get("/").text
    assert keycrm.get(f"/order/{number}").json()["status_id"] == 9
    box.release()


def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    with SandboxServer(["keycrm"], data_dir=tmp_path) as server, client(server) as first:
        number = create(first)
        first.put("/offers", json={"offers": [{"sku": "K-000001", "price": 7}]})
        server.vendor("keycrm").build_trigger("http://127.0.0.1:9/nobody")
    with SandboxServer(["keycrm"], data_dir=tmp_path) as server, client(server) as again:
        assert read(again, number, "products")["products"][0]["sku"] == "K-000001"
        assert create(again, "B") == number + 1
        assert again.get("/products/1").json()["price"] == 7
        assert server.vendor("keycrm").account().options["hooks"]["order.change_order_status"].endswith("/nobody")
