"""Files of orders: what becomes of each row, and that no order comes twice, whatever happens to the worker."""

from __future__ import annotations

import io
import os
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event as sql_event

from jobs import files, importing, imports, upkeep, wake
from models import Import, ImportedOrder, ImportRow, Order, Rule, RuleEvent, db
from orders import events, import_columns, import_files, import_orders
from tests.orders import build

HEAD = "Number,Last name,Phone,Product,SKU,Quantity,Price"


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
    monkeypatch.setattr(importing, "BATCH", 5)
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
    assert (row.state, row.fates) == ("cancelled", {"create": 10, "done": 5})
    imports.reopen(row)
    imports.check(row, row.columns, {})
    db.session.commit()
    importing.work(row.id)
    assert again(row).fates == {"create": 10, "done": 5}  # what is done stays as it is
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


def test_an_order_that_clashes_each_time_is_refused_alone(user, monkeypatch) -> None:
    """Somebody goes on making and unmaking it at just the wrong moments."""
    row, look = checked(user, MANY), import_orders._look
    other = build.make({"number": "other"})[0]

    def look_too_early(wanted: Any) -> Any:
        found = look(wanted)
        if any(want.identity == "0:4" for want in wanted):
            db.session.add(ImportedOrder(identity="0:4", order_id=other))
            db.session.commit()
            sql_event.listen(db.session(), "after_rollback", unmade, once=True)
        return found

    def unmade(_session: Any) -> None:
        with db.engine.begin() as elsewhere:
            elsewhere.execute(db.delete(ImportedOrder).where(ImportedOrder.identity == "0:4"))

    monkeypatch.setattr(import_orders, "_look", look_too_early)
    assert imported(row).fates == {"create": 9, "refused": 1, "done": 9}
    assert fates(row)[3] == (5, "4", "refused", ["clash"])
    assert [order.number for order in orders()[1:]] == ["1", "2", "3", *"56789", "10"]


def test_one_that_is_cancelled_while_it_fails_stays_cancelled(user) -> None:
    row = uploaded(user, MANY)
    imports.check(row, row.columns, {})
    db.session.commit()
    (imports.folder() / row.file).unlink()

    def cancelled(_session: Any) -> None:
        with db.engine.begin() as elsewhere:
            elsewhere.execute(db.update(Import).values(state="cancelled"))

    sql_event.listen(db.session(), "after_commit", cancelled, once=True)
    importing.work(row.id)
    assert (again(row).state, row.fault) == ("cancelled", "")


def test_refused_rows_are_told_as_long_as_the_file_is_there(user) -> None:
    content = "Number,Phone\n1,12\n2,0671112233\n3,0671112244\n4,13\n5,0671112255\n"
    row = checked(user, content)

    def told() -> list[list[str]]:
        return list(imports.refused_rows(row, lambda reasons: reasons[0]["code"]))

    codes = [found[3][0] for found in fates(row) if found[2] == "refused"]
    assert told() == [["Number", "Phone", "Reason"], ["1", "12", codes[0]], ["4", "13", codes[1]]]
    (imports.folder() / row.file).unlink()
    assert told() == [["Number", "Phone", "Reason"]]


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
    oldest = checked(user, "Number\n98\n")  # its file has gone some days ago
    oldest.created_at -= imports.KEPT + timedelta(hours=1)
    (imports.folder() / oldest.file).unlink()
    oldest.file = ""
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
