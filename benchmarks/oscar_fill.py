"""Fills django-oscar's tables with orders like ours, by SQL alone: 100,000 in seconds, a million in minutes.

Like ours: 1 to 5 lines, 3 in the mean; statuses with the same shares; the same given names and surnames, a rare one on
the same orders; spread over a year, in the order of their ids.

Its dashboard looks for a customer's name in accounts. (Only with OSCAR_ALLOW_ANON_CHECKOUT it looks into two tables of
addresses, too, which takes it longer.) So each full name has one account, whatever orders are its: some 26,000 to look
through, where we look through the names of all orders. The more accounts, the longer it takes. And it looks for
beginnings: what our surnames may end in, `COMMON`, theirs begin with, so that as many are found.
"""

from __future__ import annotations

from typing import Any

import psycopg

from orders import invented, words

#: what one surname in twelve (8 %) begins with here and has near its end with us
COMMON = "енк"
_ENDING = "енко"

#: i, number, given and family name, status, place, lines (how many), placed
INVENTED = """
CREATE TEMP TABLE invented AS
SELECT i, 'F' || lpad(i::text, 7, '0') AS number, (%(given)s::text[])[g] AS given,
       CASE WHEN i %% %(rare_every)s = 0 THEN %(rare)s ELSE (%(surnames)s::text[])[s] END AS surname,
       (%(statuses)s::text[])[t] AS status, (%(cities)s::text[])[c] AS city, lines,
       now() - interval '1 year' * ((%(n)s - i)::float / %(n)s) AS placed
FROM (SELECT i, 1 + floor(random() * cardinality(%(given)s::text[]))::int AS g,
             1 + floor(random() * cardinality(%(surnames)s::text[]))::int AS s,
             1 + floor(random() * cardinality(%(statuses)s::text[]))::int AS t,
             1 + floor(random() * cardinality(%(cities)s::text[]))::int AS c,
             1 + floor(random() * 5)::int AS lines
      FROM generate_series(1, %(n)s) AS i) AS drawn
"""
_GOODS = """
CREATE TEMP TABLE goods AS
SELECT (row_number() OVER (ORDER BY s.id))::int - 1 AS place, s.id AS stock, s.partner_id, s.partner_sku, s.price,
       p.id AS product, p.title, p.upc
FROM partner_stockrecord s JOIN catalogue_product p ON p.id = s.product_id
"""
_ACCOUNTS = """
INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
                       date_joined)
SELECT (SELECT max(id) FROM auth_user) + min(i), '', false, 'buyer' || min(i), given, surname,
       'buyer' || min(i) || '@example.com', false, true, min(placed)
FROM invented GROUP BY given, surname ORDER BY min(i)
"""
_ADDRESSES = """
INSERT INTO order_shippingaddress (id, title, first_name, last_name, line1, line2, line3, line4, state, postcode,
                                   search_text, phone_number, notes, country_id)
SELECT i, '', given, surname, 'Нова Пошта, 5', '', '', city, '', '01001', given || ' ' || surname || ' ' || city,
       '+38050' || lpad((i::bigint * 7919 %% 10000000)::text, 7, '0'), '', 'UA'
FROM invented ORDER BY i
"""
_ORDERS = """
INSERT INTO order_order (id, number, currency, total_incl_tax, total_excl_tax, shipping_incl_tax, shipping_excl_tax,
                         shipping_method, shipping_code, status, guest_email, date_placed, shipping_address_id,
                         user_id, site_id, analytics_tracked)
SELECT i, number, 'UAH', 150 * lines + 50, 150 * lines + 50, 50, 50, 'Нова Пошта', 'np', status, '',
       placed, i, u.id, (SELECT min(id) FROM django_site), false
FROM invented JOIN auth_user u ON u.first_name = given AND u.last_name = surname ORDER BY i
"""
_LINES = """
INSERT INTO order_line (partner_name, partner_sku, partner_line_reference, partner_line_notes, title, upc, quantity,
                        line_price_incl_tax, line_price_excl_tax, line_price_before_discounts_incl_tax,
                        line_price_before_discounts_excl_tax, unit_price_incl_tax, unit_price_excl_tax, status,
                        order_id, partner_id, product_id, stockrecord_id, allocation_cancelled, num_allocated)
SELECT 'Shop', partner_sku, '', '', title, upc, 1, price, price, price, price, price, price, status,
       i, partner_id, product, stock, false, 0
FROM invented CROSS JOIN LATERAL generate_series(1, lines) AS k
     JOIN goods ON place = (i * 7 + k * 31) %% (SELECT count(*) FROM goods)
ORDER BY i, k
"""


def statuses() -> list[str]:
    return list(invented.SHARES)


def drawn_from(n: int) -> dict[str, Any]:
    """What `INVENTED` chooses from. A hundred statuses hold each as often as its share."""
    given = [name for name, _ in words.PEOPLE]
    surnames = [man for _, man in words.SURNAMES]
    return {
        "n": n,
        "given": given,
        "surnames": [_ENDING + name.removesuffix(_ENDING) if name.endswith(_ENDING) else name for name in surnames],
        "rare": words.RARE[1],
        "rare_every": invented.RARE_EVERY,
        "statuses": [name for name, share in invented.SHARES.items() for _ in range(share)],
        "cities": [city for _, city in words.PLACES],
    }


def invent(connection: psycopg.Connection[Any], n: int) -> None:
    """The same n orders each time, in a temporary table."""
    connection.execute("SELECT setseed(0.7)")
    # an array of names is not what a server-side parameter of CREATE TABLE may be
    psycopg.ClientCursor(connection).execute(INVENTED, drawn_from(n))


def fill(database: str, n: int) -> None:
    """n orders into tables that are migrated and hold goods; statistics are gathered as a live database has them."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET work_mem = '256MB'")
        connection.execute("SET session_replication_role = replica")  # each foreign key would be looked up row by row
        invent(connection, n)
        for statement in (_GOODS, _ACCOUNTS, _ADDRESSES, _ORDERS, _LINES):
            psycopg.ClientCursor(connection).execute(statement, {})
        connection.execute("VACUUM ANALYZE")
