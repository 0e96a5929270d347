"""Votes at rest: kept by a live run, read by `understudy drift`, judged by the engine that runs live."""
