"""Item-CF; the helpers' assertions tell as much as those of the tests."""

import pytest

pytest.register_assert_rewrite("tests.cf.shop")
