"""A run's tables as files."""

import subprocess
import sys

READ = """
import os, sys
import pyarrow as pa
from tasks.artifacts.tables import decode_table, encode_table

data = encode_table(pa.table({name: list(range(50_000)) for name in "abcdef"}))
before = set(os.listdir("/proc/self/task"))
decode_table(data, "here")
sys.exit(len(set(os.listdir("/proc/self/task")) - before))
"""


def test_reading_a_table_leaves_no_thread_that_could_outlive_the_interpreter():
    """A pool's thread holding Python's bytes aborts a process that ends at that moment."""
    assert subprocess.run([sys.executable, "-c", READ], check=False).returncode == 0
