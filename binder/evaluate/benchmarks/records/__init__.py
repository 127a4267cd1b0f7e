"""binder's own benchmark records, one YAML file a version; `tests/unit/evaluate/test_benchmarks.py` freezes them."""
