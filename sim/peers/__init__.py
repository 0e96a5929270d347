"""Other rules on the same streams, each as its authors state it; `rules.py` lists them with their settings."""
