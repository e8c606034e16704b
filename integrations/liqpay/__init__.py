"""LiqPay: a payment service."""
