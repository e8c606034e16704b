"""Files of products that staff bring in: tried first, taken then. A file is taken in batches, product by SKU, so that
one that was taken in part is simply taken again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import structlog

from catalogue import file_rows
from catalogue.putting import Put
from integrations.text import N_
from integrations.types import ProductData
from integrations.yml import NotYml, Reader, unpacked
from models import CatalogueFile, db, utcnow
from orders import import_files
from orders.import_files import BadFile, Layout

from . import files, following, imports, offers, wake

log = structlog.get_logger()

LARGEST = import_files.LARGEST
LEASE = timedelta(minutes=5)
BATCH, KEPT = 500, 1000
INTERNAL = N_("The hub itself failed; what it did is done. Try again, and tell whoever keeps the hub if it stays so.")
Row = tuple[str, dict[str, Any]]


# ---- asked for in pages; the caller commits


def upload(user_id: int, name: str, stream: IO[bytes]) -> CatalogueFile:
    """Keep the file and look what it is. Raises BadFile, and keeps nothing then."""
    with files.brought(stream, "products") as stored:
        with stored.open("rb") as file:
            start = file.read(64)
        is_yml = start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") or start.startswith(b"\x1f\x8b")
        layout = {"format": "yml"} if is_yml else import_files.look(stored).kept()
    row = CatalogueFile(user_id=user_id, name=name[:200] or "?", file=stored.name, layout=layout)
    row.columns = [] if is_yml else file_rows.matched(layout["headings"], _spoken())
    db.session.add(row)
    db.session.flush()
    if is_yml:
        ask(row, "check")
    return row


def _spoken() -> dict[str, list[str]]:
    return {key: [files.said(lang, name) for lang in imports.LANGUAGES] for key, name in file_rows.FIELDS.items()}


def choose(row: CatalogueFile, columns: Sequence[str]) -> str:
    """The field of each column; "" when all is well, else which field is lacking."""
    found: list[str] = []
    for field in list(columns)[: len(row.columns)]:
        found.append(field if field in file_rows.FIELDS and field not in found else "")
    row.columns = found + [""] * (len(row.columns) - len(found))
    return "" if "sku" in found else "sku"


def ask(row: CatalogueFile, stage: str) -> None:
    """Have a worker try the file ("check") or take it ("take")."""
    row.stage, row.state, row.fault, row.counts, row.left_out = stage, "waiting", "", {}, []
    row.finished_at = None
    db.session.flush()
    wake.soon("products", row.id)


def recent(limit: int = 20) -> Sequence[CatalogueFile]:
    return db.session.scalars(db.select(CatalogueFile).order_by(CatalogueFile.id.desc()).limit(limit)).all()


def path(row: CatalogueFile) -> Path | None:
    return files.lying("imports", row.file)


# ---- the job


def work(file_id: int) -> None:
    """Try or take the file. One that another worker has is left alone."""
    row = db.session.get(CatalogueFile, file_id, with_for_update=True, populate_existing=True)
    if row is None or row.state != "waiting":
        db.session.rollback()
        return
    row.state, row.fence, row.lease_until = "working", row.fence + 1, utcnow() + LEASE
    task = (row.id, row.fence, row.stage == "check", path(row), dict(row.layout), list(row.columns))
    wake.changed()
    db.session.commit()
    fault = ""
    try:
        _do(*task)
    except BadFile as problem:
        fault = problem.fault
    except NotYml as problem:
        fault = str(problem)[:200]
    except Exception:  # a fault of ours: the file must not stay open
        log.exception("products_failed", file=file_id)
        fault = INTERNAL
    db.session.rollback()
    values = {"state": "failed" if fault else "done", "fault": fault, "finished_at": utcnow(), "lease_until": None}
    _update(task[0], task[1], values)
    db.session.commit()


def _do(file_id: int, fence: int, dry: bool, file: Path | None, layout: dict[str, Any], columns: list[str]) -> None:
    if file is None:
        raise BadFile("empty")
    put = Put(dry)
    if dry:
        put.categories.load()  # and make none
    for batch in _batches(file, layout, columns, put):
        put.take(batch)
        values = {
            "lease_until": utcnow() + LEASE,
            "counts": dict(put.counts),
            "left_out": [list(pair) for pair in put.left_out[:KEPT]],
        }
        if not _update(file_id, fence, values):
            return
        db.session.commit()


def _update(file_id: int, fence: int, values: dict[str, Any]) -> bool:
    """Is the file still ours?"""
    mine = (CatalogueFile.id == file_id, CatalogueFile.fence == fence, CatalogueFile.state == "working")
    done: Any = db.session.execute(
        db.update(CatalogueFile).where(*mine).values(values), execution_options={"synchronize_session": False}
    )
    wake.changed()
    return bool(done.rowcount)


def _batches(file: Path, layout: dict[str, Any], columns: list[str], put: Put) -> Iterator[list[Row]]:
    rows = _yml_rows(file, put) if layout["format"] == "yml" else _table_rows(file, Layout(**layout), columns, put)
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch


def _table_rows(file: Path, layout: Layout, columns: list[str], put: Put) -> Iterator[Row]:
    for number, cells in import_files.rows(file, layout):
        try:
            yield str(number), file_rows.values(columns, cells)
        except file_rows.BadRow as problem:
            put.refuse(str(number), str(problem))


def _yml_rows(file: Path, put: Put) -> Iterator[Row]:
    with file.open("rb") as opened:
        for page in Reader("uk").pages(unpacked(_pieces(opened), LARGEST * 20)):
            for where, why in page.broken:
                put.refuse(where, why)
            for offer in page.products:
                yield offer.external_id, _of_offer(offer)


def _pieces(file: IO[bytes]) -> Iterable[bytes]:
    while piece := file.read(65_536):
        yield piece


def _of_offer(offer: ProductData) -> dict[str, Any]:
    """What an offer of a price list says of a product; what it doesn't say is left as it is."""
    told = {
        "sku": offer.sku or offer.external_id,
        "name": offer.name,
        "price": offer.price.quantize(offers.CENT),
        "currency": offer.currency or "UAH",
        "category": offer.category,
        "barcode": offer.barcode,
        "brand": offer.brand,
        "url": offer.url,
        "description": offer.description,
        "pictures": list(offer.pictures),
        "options": dict(offer.options),
        **{name: getattr(offer, name) for name in ("weight", "length", "width", "height")},
    }
    found = {name: value for name, value in told.items() if value or name in ("sku", "price")}
    if offer.old_price is not None:
        found["old_price"] = offer.old_price.quantize(offers.CENT)
    stock = following.stock_of(offer.quantity, offer.available)
    return found if stock is None else {**found, "stock": stock.quantize(offers.THOUSANDTH)}


def revive() -> None:
    """At each sweep: what a dead worker held, and what nobody was woken for."""
    now = utcnow()
    dead = db.update(CatalogueFile).where(CatalogueFile.state == "working", CatalogueFile.lease_until < now)
    db.session.execute(dead.values(state="waiting", lease_until=None))
    for file_id in db.session.scalars(db.select(CatalogueFile.id).where(CatalogueFile.state == "waiting")):
        wake.now("products", file_id, once_in=20)
    db.session.commit()
