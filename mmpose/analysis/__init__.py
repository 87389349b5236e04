"""What a run did, costs and gets wrong: curves, operations, comparisons, reports."""
