"""Makes the tables, one signed-up member of staff, and goods that lines of orders can point at (argument: how many)."""

import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - models exist after the setup
from django.core.management import call_command  # noqa: E402 - as above
from oscar.core.loading import get_model  # noqa: E402 - as above


def main() -> None:
    call_command("migrate", verbosity=0)
    get_user_model().objects.create_superuser("staff", "staff@example.com", "for benchmarks only")
    get_model("address", "Country").objects.create(
        iso_3166_1_a2="UA", iso_3166_1_a3="UKR", printable_name="Ukraine", name="Ukraine"
    )
    kind = get_model("catalogue", "ProductClass").objects.create(name="Goods")
    partner = get_model("partner", "Partner").objects.create(name="Shop")
    for i in range(int(sys.argv[1])):
        title = f"Чашка «Мавка» {i}"
        product = get_model("catalogue", "Product").objects.create(product_class=kind, title=title, upc=f"482{i:09}")
        get_model("partner", "StockRecord").objects.create(
            product=product, partner=partner, partner_sku=f"SKU-{i}", price=100 + i, num_in_stock=100
        )


main()
