"""Drift: votes become evidence, evidence becomes verdicts against a tolerance written down beforehand."""
