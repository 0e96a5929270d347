"""Analysis at rest: pairs from files through the very analyzers and drift engine that run live."""
