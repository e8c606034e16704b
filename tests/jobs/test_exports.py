"""Files made by a job: once, by whoever has the claim, and gone when they should be."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest
from sqlalchemy import event as sql_event

from jobs import exports, files, upkeep, wake
from models import Export, db, utcnow
from orders import export_rows
from orders.export_options import Options
from tests.orders import build
from tests.views.helpers import add_user

ALL = Options(period="all", encoding="utf-8", separator="comma", columns=("number", "status"))


def asked(user: int, options: Options = ALL, language: str = "uk") -> Export:
    row = exports.request(user, options, language)
    db.session.commit()
    return row


def again(row: Export) -> Export:
    db.session.expire_all()
    found = db.session.get(Export, row.id)
    assert found is not None
    return found


def test_the_job_is_enqueued_once_the_row_is_there_and_makes_the_file(user) -> None:
    build.make({}, {})
    row = exports.request(user, ALL, "uk")
    assert wake.queue("low").count == 0
    db.session.commit()
    (job,) = wake.queue("low").jobs
    assert (job.func_name, list(job.args)) == ("jobs.exports.make", [row.id])
    exports.make(row.id)
    row = again(row)
    assert (row.state, row.done, row.total, row.tries) == ("done", 2, 2, 1)
    path = exports.path(row)
    assert path is not None
    assert path.read_text() == "Номер,Статус\nN-2,Новий\nN-1,Новий\n"
    assert path.stat().st_size == row.size
    assert path.stat().st_mode & 0o777 == 0o600
    exports.make(row.id)  # a job that comes twice
    assert again(row).tries == 1


def test_a_file_in_cp1251_says_what_it_lacks(user) -> None:
    build.make({"first_name": "👍"})
    row = asked(user, Options(period="all", encoding="cp1251", columns=("first_name",)))
    exports.make(row.id)
    assert (again(row).replaced, row.replaced_in) == (1, ["N-1"])


def test_a_cancelled_one_stops_and_leaves_nothing(user, monkeypatch) -> None:
    monkeypatch.setattr(exports, "NOTED", 0)
    monkeypatch.setattr(export_rows, "BATCH", 1)
    build.make({}, {}, {})
    read, row = export_rows.read, asked(user)

    def cancelled_meanwhile(*given):
        for n, batch in enumerate(read(*given)):
            if n == 1:
                with db.engine.begin() as other:
                    other.execute(db.update(Export).values(state="cancelled"))
            yield batch

    monkeypatch.setattr(export_rows, "read", cancelled_meanwhile)
    exports.make(row.id)
    assert (again(row).state, row.done) == ("cancelled", 1)
    assert list(exports.folder().iterdir()) == []
    exports.cancel(row)
    exports.make(row.id)
    assert again(row).state == "cancelled"


def test_a_workbook_that_is_cancelled_leaves_no_temporary_file(user, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "sheets"))
    (tmp_path / "sheets").mkdir()
    monkeypatch.setattr(exports, "NOTED", 0)
    build.make({}, {})
    row, noted = asked(user, Options(period="all", format="xlsx")), exports._note

    def stopped(export, **values):
        if "done" in values:
            raise exports._Stopped
        noted(export, **values)

    monkeypatch.setattr(exports, "_note", stopped)
    exports.make(row.id)
    assert list((tmp_path / "sheets").iterdir()) == []
    assert list(exports.folder().iterdir()) == []


@pytest.mark.parametrize("fails", [False, True])
def test_one_that_is_cancelled_at_the_last_moment_stays_so_whatever_became_of_it(user, monkeypatch, fails) -> None:
    build.make({})
    read, row = export_rows.read, asked(user)

    def cancelled() -> None:
        with db.engine.begin() as other:
            other.execute(db.update(Export).values(state="cancelled"))

    def is_written() -> bool:
        with db.engine.connect() as other:
            return other.scalar(db.select(Export.id).where(Export.done == Export.total)) is not None

    def read_and_fail(*given):
        yield from read(*given)
        cancelled()
        raise OSError(28, "No space left on device")

    if fails:
        monkeypatch.setattr(export_rows, "read", read_and_fail)
    else:
        sql_event.listen(db.session(), "after_commit", lambda _session: is_written() and cancelled())
    exports.make(row.id)
    assert (again(row).state, row.fault, row.file) == ("cancelled", "", "")
    assert list(exports.folder().iterdir()) == []


def test_a_full_disk_is_said(user, monkeypatch) -> None:
    row = asked(user)
    monkeypatch.setattr(exports, "folder", lambda: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    exports.make(row.id)
    assert (again(row).state, row.fault) == ("failed", "disk")


def test_a_fault_of_ours_does_not_leave_it_busy(user, monkeypatch) -> None:
    row = asked(user)
    monkeypatch.setattr(export_rows, "read", lambda *_given: 1 / 0)
    exports.make(row.id)
    assert (again(row).state, row.fault) == ("failed", "internal")
    assert list(exports.folder().iterdir()) == []


def test_what_a_dead_worker_held_is_begun_again_but_not_for_ever(user) -> None:
    build.make({})
    row = asked(user)
    wake.queue("low").empty()
    for tries in (1, 2, 3):
        row.state, row.tries, row.lease_until = "working", tries, utcnow() - timedelta(seconds=1)
        row.created_at = utcnow() - timedelta(minutes=1)
        db.session.commit()
        exports.revive()
        assert again(row).state == ("failed" if tries == 3 else "waiting")
    assert row.fault == "abandoned"
    assert wake.queue("low").count == 2


def test_a_worker_that_lost_its_lease_writes_nothing(user) -> None:
    row = asked(user)
    row.state, row.tries = "working", 2
    db.session.commit()
    with pytest.raises(exports._Stopped):
        exports._note((row.id, 1), done=5)
    assert again(row).done == 0


def test_files_go_after_a_day(user) -> None:
    build.make({})
    old, new = asked(user), asked(user)
    for row in (old, new):
        exports.make(row.id)
    stray = exports.folder() / "stray.csv"
    stray.write_text("")
    os.utime(stray, (time.time() - 3 * 86400,) * 2)
    old = again(old)
    failed = asked(user)
    failed.state = "failed"
    for row in (old, failed):
        row.created_at = row.finished_at = utcnow() - timedelta(days=1, minutes=1)
    db.session.commit()
    assert exports.path(old) is None
    upkeep._next = utcnow()
    upkeep.tidy()
    assert [row.id for row in files.of_user(Export, user)] == [new.id]
    assert [file.name for file in exports.folder().iterdir()] == [again(new).file]


def test_presets_are_replaced_by_name_and_seen_by_whom_they_are_for(user) -> None:
    other = add_user("taras@example.com", "manager")
    for owner in (user, None):
        exports.keep("  Облік ", ALL, owner)
        exports.keep("Облік", Options(columns=("city",), scope="ids", ids=(1,)), owner)
    db.session.commit()
    mine, shared = sorted(exports.presets(user), key=lambda row: row.user_id is None)
    assert Options.read(mine.options).columns == ("city",)
    assert (mine.options["scope"], mine.options["ids"]) == ("filter", [])
    assert [row.id for row in exports.presets(other)] == [shared.id]
    assert exports.preset(mine.id, other) is None
