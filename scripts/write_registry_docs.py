"""Write the tables of docs/modalities.md, docs/hubs.md and docs/benchmarks.md anew, from what is registered.

Usage: python scripts/write_registry_docs.py
"""

from pathlib import Path

from binder.catalogue import DISTRIBUTION, benchmark_rows, hub_rows, modality_rows, own_names, to_markdown, with_table
from binder.registry import HUBS, MODALITIES

DOCS = Path(__file__).resolve().parents[1] / "docs"


def current() -> dict[Path, str]:
    """Each document as it should be now."""
    tables = {
        DOCS / "modalities.md": to_markdown(modality_rows(own_names(MODALITIES))),
        DOCS / "hubs.md": to_markdown(hub_rows(own_names(HUBS))),
        DOCS / "benchmarks.md": to_markdown(benchmark_rows(DISTRIBUTION)),
    }
    return {path: with_table(path.read_text(encoding="utf-8"), table) for path, table in tables.items()}


if __name__ == "__main__":
    for path, text in current().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
