"""Assertions outside the test files say what differs, too."""

import pytest

pytest.register_assert_rewrite("tests.conformance.paths")
