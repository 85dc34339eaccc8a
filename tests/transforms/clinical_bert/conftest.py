from __future__ import annotations

from pathlib import Path

import pytest

from tests.transforms.clinical_bert import tiny


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.own(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="session")
def token_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.token_classifier(tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="session")
def sequence_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.sequence_classifier(tmp_path_factory.mktemp("sequence"))
