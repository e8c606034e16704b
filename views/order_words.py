"""Sentences about orders: why one can't be sent or changed, what a filter or a column is called."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

#: orders.work.BLOCKS -> why an order can't be sent as it is
BLOCKS = {
    "deleted": _l("Deleted: restore the order first"),
    "cancelled": _l("Cancelled: change the status first"),
    "preorder": _l("Pre-order: the customer has not completed it yet"),
    "no_lines": _l("No products in the order"),
    "no_recipient": _l("The recipient has no name"),
    "needs_mapping": _l("Something in it is not mapped yet"),
    "deleted_there": _l("Its copy there was deleted: delete the link first, then it is sent anew"),
    "second_route": _l("It reaches the same delivery service another way already"),
}
#: the field of the card that mends a block
BLOCK_FIELDS = {"no_lines": "lines", "no_recipient": "last_name", "deleted_there": "copies", "second_route": "copies"}
#: orders.statuses.REASONS -> why an order keeps its status
REASONS = {
    "same": _l("Has this status already"),
    "by_hand": _l("Only a transfer sets this status"),
    "gone": _l("No longer there"),
}
PAYMENTS = {"cash": _l("Cash"), "card": _l("Card"), "prepaid": _l("Prepaid")}
PAID = {"yes": _l("Yes"), "no": _l("No")}
LINKS = {"linked": _l("sent"), "working": _l("working"), "problem": _l("problem"), "none": _l("not sent")}
FLAGS = {
    "mapping": _l("Needs mapping"),
    "do_not_call": _l("Do not call"),
    "fulfilment": _l("Marketplace delivers"),
    "duplicate": _l("Likely duplicate"),
}
GROUPS = {
    "new": _l("New"),
    "confirmed": _l("Confirmed"),
    "transferred": _l("Transferred"),
    "problem": _l("Problem"),
    "preorder": _l("Pre-order"),
    "cancelled": _l("Cancelled"),
    "deleted": _l("Deleted"),
}
COLUMNS = {
    "number": _l("Number"),
    "created": _l("Created"),
    "recipient": _l("Recipient"),
    "city": _l("City, delivery"),
    "items": _l("Products"),
    "sum": _l("Sum"),
    "status": _l("Status"),
    "copies": _l("Systems"),
    "ttn": _l("TTN"),
    "source": _l("Source"),
    "shop": _l("Shop"),
    "type": _l("Type"),
    "external": _l("Number at the source"),
    "comment": _l("Comment"),
}
#: what a user sees before choosing; the number always stays
DEFAULT_COLUMNS = ("number", "created", "recipient", "city", "items", "sum", "status", "copies", "ttn")
#: why two orders look like one
ALIKE = {
    "phone": _l("same phone, same products, within a day"),
    "number": _l("same number from another source"),
}
#: state of a payment -> (word, colour)
PAYMENT_STATES = {
    "new": (_l("being opened"), "azure"),
    "pending": (_l("waits for the customer"), "azure"),
    "waiting": (_l("reserved"), "orange"),
    "paid": (_l("paid"), "green"),
    "cancelled": (_l("called off"), "grey"),
    "failed": (_l("failed"), "red"),
    "refunded": (_l("given back"), "grey"),
    "mismatch": (_l("does not fit"), "red"),
}
PAYMENT_STEPS = {
    "create": _l("the service is being asked…"),
    "cancel": _l("being called off…"),
    "refund": _l("money is being given back…"),
}
#: why a payment, its link, or what is asked about it isn't possible
PAY_REASONS = {
    "gone": _l("The order is deleted or cancelled, or there is no such payment."),
    "preorder": _l("This is a pre-order: the customer has yet to complete it."),
    "paid": _l("The order is paid already."),
    "cod": _l("The order is paid on delivery. Switch that off first."),
    "nothing": _l("The sum of the order is nought: there is nothing to pay."),
    "no_service": _l("No payment service for this currency is connected. Connect one in the settings."),
    "waiting": _l("Money of the customer is reserved already."),
    "busy": _l("The payment service is being asked already. Wait a moment."),
    "ended": _l("This payment is over."),
    "amount": _l("That much can not be given back."),
}
