"""Analysis of runs: logs, FLOPs, error analysis, comparison of results, HTML reports."""
