"""The resident Delta writer: DuckDB and deltalake behind JSON lines on standard input and output."""

import argparse

from millrace_lake.operations import OPERATIONS
from millrace_lake.server import serve
from millrace_lake.sessions import Sessions

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parallelism", type=int, default=3)
    arguments = parser.parse_args()
    serve(OPERATIONS, Sessions(), arguments.parallelism)
