"""For tests, ours and third parties': builders of the shared values, and the analyzers' conformance kit.

`check_analyzer(MyAnalyzer())` is what a third party runs against its own analyzer; `a_pair(...)` and
`an_output(...)` build whole values from the few facts a test is about.
"""

from understudy.testing.conform import Report, check_analyzer
from understudy.testing.nasty import NASTY, big_pairs, nasty_pairs
from understudy.testing.pairs import LANE, METHOD, a_pair, an_output

__all__ = [
    "LANE",
    "METHOD",
    "NASTY",
    "Report",
    "a_pair",
    "an_output",
    "big_pairs",
    "check_analyzer",
    "nasty_pairs",
]
