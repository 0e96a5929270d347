"""Pairs through analyzer workers to scores, votes, evidence and verdicts; the same code live and offline."""
