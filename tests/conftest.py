"""Fixtures of all tests of the real program; program.py says where it is and how it is run."""

import pytest
from program import BINARY, ZOO, Shoal


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Plans that the program measures here stay here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


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
