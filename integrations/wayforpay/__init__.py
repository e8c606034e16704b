"""WayForPay: a payment service."""
