"""What tests of web/ leave behind."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def no_logging_left() -> Iterator[None]:
    """An application writes its log to the standard error of the test that made it, which is gone then."""
    yield
    structlog.reset_defaults()
