"""Operations on orders: editing, totals, numbers, statuses, filters, search, timeline, kept counters."""
