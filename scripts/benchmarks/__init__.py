"""What `scripts/bench` measures: one file a table, beside how it is measured and how it is shown."""
