"""The pictures and tables of docs/statistics.md, made by the engine they explain: `python -m sim.teach`."""
