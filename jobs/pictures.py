"""Pictures of products, looked at where they lie: is one there, how large is it? Only the beginning is fetched."""

from __future__ import annotations

from typing import Any

from flask import current_app
from PIL import Image, ImageFile

from integrations.errors import VendorError
from integrations.http import HttpClient
from models import Product, db, utcnow

from . import wake

#: bytes in which every format in use has said its size
ENOUGH = 512 * 1024


def check(product_id: int) -> None:
    """Note the size of each picture of a product, or what is wrong with it."""
    row = db.session.get(Product, product_id)
    urls = [picture["url"] for picture in row.pictures] if row else []
    db.session.rollback()
    http = HttpClient(policy=current_app.extensions["policy"])
    found = {url: look(http, url) for url in urls}
    row = db.session.get(Product, product_id, with_for_update=True, populate_existing=True)
    if row is not None:  # links that were changed meanwhile stay as they are
        row.pictures = [{**one, **found.get(one["url"], {})} for one in row.pictures]
        row.updated_at = utcnow()
        wake.changed()
    db.session.commit()


def look(http: HttpClient, url: str) -> dict[str, Any]:
    """{"width", "height"} of the picture there, or {"fault"}: an error of integrations/errors.py, or no_picture."""
    parser = ImageFile.Parser()
    pieces = http.stream(url, limit=2 * ENOUGH)
    size = 0
    try:
        for piece in pieces:
            parser.feed(piece)
            size += len(piece)
            if parser.image is not None:
                return {"width": parser.image.width, "height": parser.image.height}
            if size >= ENOUGH:
                break
    except VendorError as error:
        return {"fault": error.fault}
    except (OSError, ValueError, Image.DecompressionBombError):
        return {"fault": "no_picture"}
    finally:
        pieces.close()
        http.exchanges()
    return {"fault": "no_picture"}
