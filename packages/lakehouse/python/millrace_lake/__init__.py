"""What only Python can do for the lake: Delta commits, merges and change data feeds, next to a DuckDB that runs the SQL."""
