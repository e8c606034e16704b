"""Benchmarks: `make bench`, or `python -m benchmarks`. See docs/performance.md."""
