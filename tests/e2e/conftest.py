"""Fixtures of the tests of the whole program."""

import pytest
from made_pictures import Pictures


@pytest.fixture
def pictures(tmp_path):
    return Pictures(tmp_path / "pictures")


@pytest.fixture(scope="session")
def quick_model(zoo):
    """The cheapest real detector there is."""
    return zoo / "models" / "nanodet_m_320_fp32.onnx"


@pytest.fixture(scope="session")
def photos(zoo):
    """Forty photographs with many objects, of many sizes."""
    return sorted((zoo / "datasets/coco256/images/val2017").iterdir())[:40]
