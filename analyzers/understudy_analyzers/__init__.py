"""The analyzers Understudy ships: the first third party of `understudy.score.Analyzer`."""
