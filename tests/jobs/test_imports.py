"""Files of orders: what becomes of each row, and that no order comes twice, whatever happens to the worker."""

from __future__ import annotations

import io
import os
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from jobs import exports, files, importing, imports, upkeep, wake
from models import (
    DeliveryMethod,
    Import,
    ImportedOrder,
    ImportRow,
    Order,
    PaymentMethod,
    Rule,
    RuleEvent,
    db,
)
from orders import (
    creation,
    events,
    export_columns,
    import_columns,
    import_files,
    import_orders,
    removal,
    search,
    statuses,
    timeline,
    totals,
)
from orders.export_options import Options
from tests.orders import build
from tests.views.helpers import add_user

HEAD = "Number,Last name,Phone,Product,SKU,Quantity,Price"


@pytest.fixture
def user(db_session) -> int:
    return add_user()


def uploaded(user: int, content: str | bytes, kind: str = "orders", name: str = "orders.csv") -> Import:
    raw = content.encode() if isinstance(content, str) else content
    row = imports.upload(user, kind, "en", name, io.BytesIO(raw))
    db.session.commit()
    return row


def checked(user: int, content: str | bytes, kind: str = "orders", **options: Any) -> Import:
    row = uploaded(user, content, kind)
    imports.check(row, row.columns, options)
    db.session.commit()
    importing.work(row.id)
    return again(row)


def imported(row: Import) -> Import:
    imports.start(row)
    db.session.commit()
    importing.work(row.id)
    return again(row)


def again(row: Import) -> Import:
    db.session.expire_all()
    return db.session.get_one(Import, row.id)


def fates(row: Import) -> list[tuple[int, str, str, list[str]]]:
    query = db.select(ImportRow).where(ImportRow.import_id == row.id).order_by(ImportRow.row)
    return [(r.row, r.number, r.fate, [reason["code"] for reason in r.reasons]) for r in db.session.scalars(query)]


def orders() -> list[Order]:
    return list(db.session.scalars(db.select(Order).order_by(Order.id)))


def test_a_file_is_tried_out_then_imported_once(user) -> None:
    content = f"{HEAD}\n7,Ivanenko,0671112233,Case,C-1,2,10.50\n7,Ivanenko,0671112233,Film,F-1,1,5\n"
    content += "8,Petrenko,12,Case,C-1,1,x\n"
    row = checked(user, content)
    assert (row.stage, row.state, row.fates) == ("check", "done", {"create": 1, "refused": 1}), row.fault
    assert fates(row) == [(2, "7", "create", []), (4, "8", "refused", ["not_a_phone", "not_money"])]
    assert orders() == []
    row = imported(row)
    assert row.fates == {"create": 1, "refused": 1, "done": 1}
    (order,) = orders()
    assert (order.number, order.last_name, order.phone, str(order.total)) == ("7", "Ivanenko", "+380671112233", "26.00")
    assert [(line.sku, str(line.quantity)) for line in order.lines] == [("C-1", "2.000"), ("F-1", "1.000")]
    assert imported(row).fates == row.fates
    assert fates(checked(user, content))[0] == (2, "7", "there", [])
    assert len(orders()) == 1


# ---- what the hub has exported


def exported(user: int, language: str = "uk", **options: Any) -> bytes:
    row = exports.request(user, Options(period="all", **options), language)
    db.session.commit()
    exports.make(row.id)
    db.session.expire_all()
    found = exports.path(db.session.get_one(type(row), row.id))
    assert found is not None
    return found.read_bytes()


def remove_all() -> None:
    """As if the file came from another hub."""
    ids = [order.id for order in orders()]
    statuses.change(ids, build.status("deleted"), build.OLENA)
    assert len(removal.remove(ids, build.OLENA)) == len(ids)
    db.session.commit()


#: what the importing hub decides itself
OWN = ("created_at", "updated_at", "key", "copies", "payment_kind", "needs_mapping", "line_barcode")


def some_orders() -> None:
    method = db.session.scalars(db.select(DeliveryMethod)).first()
    payment = db.session.scalars(db.select(PaymentMethod).where(PaymentMethod.kind == "cod_cash")).one()
    lines = [
        {"sku": "=A1", "name": "Case, “red”", "quantity": Decimal("2.5"), "price": Decimal("10.50"), "weight": 100},
        {
            "sku": "",
            "name": "Film +",
            "quantity": Decimal(1),
            "price": Decimal(5),
            "discount": Decimal(1),
            "status": "s",
        },
    ]
    values = {
        "external_number": "ext 1",
        "shop_id": build.shop("Книгарня"),
        "source_id": build.source("Prom"),
        "status_id": build.status("confirmed").id,
        "last_name": "Коваль",
        "first_name": "Олена",
        "patronymic": "Іванівна",
        "phone": "+380671112233",
        "email": "o@example.com",
        "buyer_name": "=cmd",
        "buyer_phone": "+48221234567",
        "delivery_method_id": method.id if method else None,
        "payment_method_id": payment.id,
        "cod": True,
        "country": "UA",
        "city": "Львів",
        "house": "-5",
        "address_text": "as it was",
        "delivery_cost": Decimal("70.25"),
        "discount": Decimal("3.20"),
        "weight": 350,
        "commission": Decimal(7),
        "customer_comment": "two\nlines; and, marks",
        "utm": {"utm_source": "google"},
        "do_not_call": True,
        "ttn": "20450123456789",
        "length": 300,
    }
    totals.settle(values, lines, "cod_cash")
    plain = {"number": "2", "last_name": "Bondar", "paid": True, "auto_weight": False, "weight": 777}
    totals.settle(plain, [lines[1]], "other")
    creation.insert_many(
        [creation.Draft({"number": "1", **values}, lines), creation.Draft(plain, [lines[1]])], build.OLENA
    )
    creation.insert_many([creation.Draft({"number": "3", "total": Decimal(0)})], build.OLENA)
    db.session.commit()


@pytest.mark.parametrize("rows", ["order", "line"])
@pytest.mark.parametrize(
    ("language", "form"),
    [
        ("uk", {"format": "csv", "encoding": "cp1251", "separator": "semicolon"}),
        ("en", {"format": "csv", "encoding": "utf-8", "separator": "comma", "decimal": "point"}),
        ("ru", {"format": "xlsx"}),
    ],
    ids=["cp1251", "utf-8", "xlsx"],
)
def test_a_file_that_was_exported_is_imported_unchanged(user, language, form, rows) -> None:
    some_orders()
    columns = [key for key in export_columns.COLUMNS if key not in OWN]
    before = exported(user, language, rows=rows, columns=(*columns, *OWN), **form)
    compared = exported(user, "en", rows="line", columns=columns, encoding="utf-8")
    remove_all()
    row = checked(user, before)
    assert fates(row) == [(n, number, "create", []) for n, number, _, _ in fates(row)]
    assert row.fates == {"create": 3}
    imported(row)
    # ids follow arrival, and exports begin with the newest
    after = exported(user, "en", rows="line", columns=columns, encoding="utf-8").decode().splitlines()
    assert sorted(after) == sorted(compared.decode().splitlines())
    assert checked(user, before).fates == {"there": 3}


@pytest.mark.parametrize("rows", ["order", "line"])
def test_so_is_one_with_the_columns_that_nobody_has_chosen(user, rows) -> None:
    some_orders()
    file = exported(user, "uk", rows=rows)
    totals_before = {order.number: order.total for order in orders()}
    remove_all()
    row = imported(checked(user, file))
    assert row.fates == {"create": 3, "done": 3}
    assert {order.number: order.total for order in orders()} == totals_before
    assert {code for _, _, _, codes in fates(row) for code in codes} == {"as_delivery", "as_discount"}


@pytest.mark.parametrize("language", imports.LANGUAGES)
def test_each_heading_of_an_export_is_known(db_session, language) -> None:
    known = imports.headings()
    for key, column in export_columns.COLUMNS.items():
        assert known[search.normal(files.said(language, column.title))] == key, column.title


# ---- rows that can't be taken, and rows that are taken with a remark


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        ("Number,Status\n1,Nowhere\n", ["unknown_entry"]),
        ("Number,Shop,Type\n1,Nowhere,Nothing\n", ["unknown_entry", "unknown_entry"]),
        ("Number,Phone\n,0671112233\n", ["no_number"]),
        ("Number,City\nexport,Lviv\n", ["number_reserved"]),
        ("Number,City\na?b,Lviv\n", ["number_unfit"]),
        (f"Number,City\n1,{'x' * 121}\n", ["too_long"]),
        ("Number,Country\n1,Ukraine\n", ["not_a_country"]),
        ("Number,Currency\n1,hryvnia\n", ["too_long"]),
        ("Number,Currency\n1,₴₴₴\n", ["not_a_currency"]),
        ("Number,Product,Price,Discount\n1,Case,5,6\n", ["discount_above_goods"]),
        ("Number,Product,Price,Discount on the product\n1,Case,5,6\n1,Film,9,\n", ["line_discount_above"]),
        ("Number,Product,Price,Total,Discount,Delivery cost\n1,Case,5,9,0,0\n", ["total_differs"]),
        ("Number,Paid,Paid on delivery\n1,yes,так\n", ["paid_and_cod"]),
        ("Number,City,Product\n1,Lviv,Case\n1,Kyiv,Film\n", ["rows_differ"]),
        ('Number,Product,Quantity\n1,"Case; Film",1; 2; 3\n', ["products_differ"]),
        ("Number,Product,Total\n1,,50\n", ["stand_in"]),
        ("Number,Product,Price,Total\n1,Case,5,9\n", ["as_delivery"]),
        ("Number,Product,Price,Total\n1,Case,9,5\n", ["as_discount"]),
        ("Number,Product,Price,Payment method,Paid\n1,Case; big,9,cash on delivery,no\n", []),
    ],
)
def test_what_becomes_of_a_row(user, content, codes) -> None:
    row = checked(user, content)
    ((_, _, fate, found),) = fates(row)
    assert found == codes
    assert fate == ("create" if not codes or codes[0] in ("stand_in", "as_delivery", "as_discount") else "refused")
    if fate == "create":
        assert imported(row).fates == {"create": 1, "done": 1}


def test_the_way_of_paying_tells_whether_it_is_paid_on_delivery(user) -> None:
    content = "Number,Product,Price,Payment method\n1,Case,9,Готівкою при отриманні\n2,Case,9,Card on delivery\n"
    imported(checked(user, content))
    assert [(o.cod, o.cod_method, o.cod_amount) for o in orders()] == [
        (True, how, Decimal(9)) for how in ("cash", "card")
    ]


def test_a_number_of_another_shop_is_not_guessed_at(user) -> None:
    here, other = build.shop("Here"), build.shop("Other")
    build.make({"number": "1", "shop_id": other}, {"number": "x", "shop_id": here, "external_number": "2"})
    row = checked(user, "Number,Shop\n1,Here\n2,Here\n2,Other\n")
    assert [(f, codes) for _, _, f, codes in fates(row)] == [
        ("refused", ["number_of_another"]),
        ("there", []),
        ("refused", ["repeated"]),
    ]
    row = checked(user, "Number at the source,Shop\n1,Here\n2,Other\n1,Here\n", shop=here)
    assert [(f, codes) for _, _, f, codes in fates(row)] == [("create", []), ("create", []), ("refused", ["repeated"])]
    imported(row)
    assert [(o.number, o.external_number, o.shop_id) for o in orders()[2:]] == [("1-2", "1", here), ("2", "2", other)]


def test_the_shop_of_rows_that_name_none(user) -> None:
    shop = build.shop("Here")
    imported(checked(user, "Number\n1\n", shop=shop))
    assert orders()[0].shop_id == shop
    assert fates(checked(user, "Number\n1\n"))[0][2] == "there"


def test_columns_can_be_chosen_by_hand(user) -> None:
    row = uploaded(user, "Мій код,Кому,phone,Phone\n1,Іван,0671112233,x\n")
    assert row.columns == ["", "", "phone", ""]
    assert import_columns.lacking(row.columns, "orders") == ["number"]
    imports.check(row, ["number", "recipient", "phone", "phone", "no-such"], {})
    assert row.columns == ["number", "recipient", "phone", ""]
    db.session.commit()
    importing.work(row.id)
    assert again(row).fates == {"create": 1}


# ---- statuses and tracking numbers


def test_statuses_and_tracking_numbers(user) -> None:
    ids = build.make({"number": "1"}, {"number": "2", "ttn": "T2"}, {"number": "3"}, {"number": "4"}, {"number": "5"})
    statuses.change([ids[4]], build.status("deleted"), build.OLENA)
    db.session.commit()
    content = "Номер,Статус,ТТН\n1,Підтверджений,T1\n2,,T2\n3,Переданий,\n4,,\n5,,T5\n6,Новий,\n2,Новий,\n7,Ніякий,\n"
    row = checked(user, content, "statuses")
    assert [(number, fate, codes) for _, number, fate, codes in fates(row)] == [
        ("1", "update", []),
        ("2", "unchanged", []),
        ("3", "refused", ["by_hand"]),
        ("4", "refused", ["nothing_asked"]),
        ("5", "refused", ["order_deleted"]),
        ("6", "refused", ["no_such_order"]),
        ("2", "refused", ["repeated"]),
        ("7", "refused", ["unknown_entry"]),
    ]
    assert imported(row).fates == {"update": 1, "unchanged": 1, "refused": 6, "done": 1}
    order = orders()[0]
    assert (order.status.key, order.ttn, order.version) == ("confirmed", "T1", 2)
    events = [(e.kind, e.actor_name, e.detail.get("changes")) for e in timeline.of_order(order.id)]
    assert events[:2] == [
        ("status", "Olena · orders.csv", [["status", "New", "Confirmed"]]),
        ("edited", "Olena · orders.csv", [["ttn", "", "T1"]]),
    ]
    assert imported(row).fates["done"] == 1
    assert fates(checked(user, content, "statuses"))[0][2] == "unchanged"


def test_a_status_that_was_switched_off(user) -> None:
    build.make({"number": "1"})
    status = build.status("confirmed")
    status.active = False
    db.session.commit()
    assert fates(checked(user, "Number,Status\n1,confirmed\n", "statuses"))[0][3] == ["entry_inactive"]


def test_a_number_of_several_shops_needs_the_shop(user) -> None:
    one, two = build.shop("One"), build.shop("Two")
    build.make(
        {"number": "a", "external_number": "1", "shop_id": one}, {"number": "b", "external_number": "1", "shop_id": two}
    )
    ((_, _, fate, codes),) = fates(checked(user, "Number,TTN\n1,T\n", "statuses"))
    assert (fate, codes) == ("refused", ["ambiguous"])
    imported(checked(user, "Number,TTN,Shop\n1,T,Two\n", "statuses"))
    imported(checked(user, "Number at the source,TTN\n1,U\n", "statuses", shop=one))
    assert [order.ttn for order in orders()] == ["U", "T"]


def test_orders_are_found_by_their_tracking_number(user) -> None:
    build.make({"number": "1", "ttn": "20450000000001"}, {"number": "2", "ttn": "204500000000012"})
    row = checked(user, "ТТН,Статус,Причина відміни\n20450000000001,Скасований,late\nX1,Новий,\n,Новий,\n", "statuses")
    assert [(fate, codes) for _, _, fate, codes in fates(row)] == [
        ("update", []), ("refused", ["no_such_order"]), ("refused", ["no_number"])
    ]  # fmt: skip
    imported(row)
    assert [order.status.key for order in orders()] == ["cancelled", "new"]


# ---- workers that die, people who stop them


def crash(monkeypatch, after: int) -> None:
    """The worker dies in the middle of its `after`-th part: what that part has written is lost."""
    settle, left = importing._settle, [after]

    def settled(rows: Any) -> None:
        settle(rows)
        left[0] -= 1
        if not left[0]:
            raise SystemExit

    monkeypatch.setattr(importing, "_settle", settled)


MANY = "Number,Product\n" + "".join(f"{n},Case\n" for n in range(1, 11))


def test_a_crash_doubles_nothing_and_another_worker_goes_on(user, monkeypatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 3)
    row = checked(user, MANY)
    imports.start(row)
    db.session.commit()
    with monkeypatch.context() as patched:
        crash(patched, after=2)
        with pytest.raises(SystemExit):
            importing.work(row.id)
    db.session.rollback()
    row = again(row)
    assert (row.state, len(orders())) == ("working", 3)
    importing.work(row.id)  # it is somebody's still
    assert len(orders()) == 3
    row.lease_until = row.created_at
    db.session.commit()
    imports.revive()
    assert again(row).state == "waiting"
    importing.work(row.id)
    row = again(row)
    assert (row.state, row.fates) == ("done", {"create": 10, "done": 10})
    assert [order.number for order in orders()] == [str(n) for n in range(1, 11)]


def test_one_that_keeps_dying_is_given_up(user) -> None:
    row = checked(user, MANY)
    row.state, row.tries, row.lease_until = "working", imports.TRIES, row.created_at
    db.session.commit()
    imports.revive()
    assert (again(row).state, row.fault) == ("failed", "abandoned")


def test_a_cancelled_one_keeps_what_is_done_and_goes_on_when_asked(user, monkeypatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 3)
    row = checked(user, MANY)
    imports.start(row)
    db.session.commit()
    apply = importing._apply

    def cancelled_meanwhile(task: Any, rows: Any) -> None:
        apply(task, rows)
        imports.cancel(again(row))
        db.session.commit()

    with monkeypatch.context() as patched:
        patched.setattr(importing, "_apply", cancelled_meanwhile)
        importing.work(row.id)
    row = again(row)
    assert (row.state, row.fates) == ("cancelled", {"create": 10, "done": 3})
    imports.reopen(row)
    imports.check(row, row.columns, {})
    db.session.commit()
    importing.work(row.id)
    assert again(row).fates == {"create": 10, "done": 3}  # what is done stays as it is
    assert imported(row).fates == {"create": 10, "done": 10}
    assert len(orders()) == 10


def test_two_files_with_the_same_orders(user) -> None:
    """Both were tried out before either was imported."""
    one, other = checked(user, MANY), checked(user, MANY + "11,Film\n")
    imported(one)
    assert imported(other).fates == {"there": 10, "create": 1, "done": 1}
    assert len(orders()) == 11


def test_somebody_makes_the_same_order_at_the_same_moment(user, monkeypatch) -> None:
    """The constraint has the last word: the part is tried again order by order."""
    row = checked(user, MANY)
    look = import_orders._look
    blind = [True]

    def look_too_early(wanted: Any) -> Any:
        if blind.pop() if blind else False:
            found = look(wanted)
            order_id = build.make({"number": "other"})[0]
            db.session.add(ImportedOrder(identity="0:4", order_id=order_id))
            db.session.commit()
            return found
        return look(wanted)

    monkeypatch.setattr(import_orders, "_look", look_too_early)
    assert imported(row).fates == {"create": 9, "there": 1, "done": 9}
    assert sum(order.number.startswith("4") for order in orders()) == 0


def test_faults_are_told(user, monkeypatch) -> None:
    row = checked(user, b"Number\n" + b"2\n" * 9000 + b"\x98")
    assert (row.state, row.fault) == ("failed", "encoding")
    row = uploaded(user, MANY)
    (imports.folder() / row.file).unlink()
    assert importing.work(row.id) is None
    imports.check(row, row.columns, {})
    db.session.commit()
    importing.work(row.id)
    assert (again(row).state, row.fault) == ("failed", "gone")
    for error, fault in ((OSError(28, "full"), "disk"), (RuntimeError("ours"), "internal")):
        row = uploaded(user, MANY)
        imports.check(row, row.columns, {})
        db.session.commit()
        with monkeypatch.context() as patched:
            patched.setattr(importing, "_check", lambda task, error=error: (_ for _ in ()).throw(error))
            importing.work(row.id)
        assert (again(row).state, row.fault) == ("failed", fault)


def test_a_file_that_is_too_large_is_not_kept(user, monkeypatch) -> None:
    monkeypatch.setattr(import_files, "LARGEST", 10)
    with pytest.raises(import_files.BadFile, match="too_large"):
        uploaded(user, MANY)
    assert list(imports.folder().iterdir()) == []


def test_files_and_what_is_known_of_them_go_in_time(user) -> None:
    old, older, fresh = checked(user, MANY), imported(checked(user, "Number\n99\n")), checked(user, MANY)
    old.created_at -= imports.FILE_KEPT + timedelta(hours=1)
    older.created_at -= imports.KEPT + timedelta(hours=1)
    db.session.commit()
    imports.tidy()
    assert imports.path(again(old)) is None
    assert imports.path(fresh) is not None
    assert imports.counted(old.id) == {"create": 10}
    assert files.of_user(Import, user) == [fresh, old]
    assert len(orders()) == 1
    assert len(list(imports.folder().iterdir())) == 1
    file = imports.folder() / fresh.file
    os.utime(file, (0, 0))
    imports.tidy()
    assert not file.exists()


def test_one_that_nobody_was_woken_for_is_begun_by_the_sweeper(user) -> None:
    row = uploaded(user, MANY)
    imports.check(row, row.columns, {})
    db.session.commit()
    (job,) = wake.queue("low").jobs
    assert (job.func_name, list(job.args)) == ("jobs.importing.work", [row.id])
    wake.queue("low").empty()
    row.created_at -= timedelta(minutes=1)
    db.session.commit()
    upkeep.tidy()
    assert [job.func_name for job in wake.queue("low").jobs] == ["jobs.importing.work"]


def test_rules_hear_of_imported_orders(user) -> None:
    db.session.add(Rule(name="r", event="imported", position=1, created_by="x"))
    db.session.commit()
    events.forget_listening()
    imported(checked(user, "Number\n1\n"))
    assert db.session.scalars(db.select(RuleEvent.kind)).all() == ["imported"]
    events.forget_listening()
