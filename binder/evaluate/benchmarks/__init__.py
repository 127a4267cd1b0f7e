"""Versioned benchmarks as records: which rows, what counts as found, which prompts, which number. Floor: evaluate.

A record is a YAML file, found through the entry-point group `binder.benchmarks`. A published number names its
record and version; a record that was wrong is never mended, its fix is the next version.
"""

from binder.evaluate.benchmarks.facts import benchmark_facts, benchmark_lines
from binder.evaluate.benchmarks.finding import GROUP, all_benchmarks, benchmark_names, open_benchmark
from binder.evaluate.benchmarks.record import Benchmark, Download, Headline, Published, Templates

__all__ = [
    "GROUP",
    "Benchmark",
    "Download",
    "Headline",
    "Published",
    "Templates",
    "all_benchmarks",
    "benchmark_facts",
    "benchmark_lines",
    "benchmark_names",
    "open_benchmark",
]
