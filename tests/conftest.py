"""Fixtures of all tests of the real program; program.py says where it is and how it is run."""

import pytest
from program import BINARY, ZOO, Shoal


@pytest.fixture(scope="session")
def shoal_bin():
    if not BINARY.exists():
        pytest.fail(f"no program at {BINARY}; `make build` makes it, or set SHOAL_BIN")
    return BINARY


@pytest.fixture(scope="session")
def shoal(shoal_bin):
    return Shoal()


@pytest.fixture(scope="session")
def zoo():
    if not (ZOO / "models").is_dir():
        pytest.skip(f"no test data at {ZOO}; set SHOAL_ZOO")
    return ZOO
