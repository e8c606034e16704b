"""Where tables meet vendors: transfers, pulls, status syncs, schedules. Jobs carry ids only; the rows are the queue."""
