"""The demo: two real engines, the real proxy, an independent client, and the truth beside the verdicts."""
