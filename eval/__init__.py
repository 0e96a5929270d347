"""`make eval`: the shipped analyzers held against labelled outputs of real models.

Not shipped. It reads the data named by UNDERSTUDY_DATA (default ../shared/data) and ships nothing that it trains.
"""
