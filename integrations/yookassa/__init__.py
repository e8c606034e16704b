"""YooKassa: a payment service."""
