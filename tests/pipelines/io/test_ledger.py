from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.errors import RequestError
from pipelines.io.ledger import Ledger, Receipt
from pipelines.io.storage import TEMPORARY, Folder

IDENTITY = {"fingerprint": "f1", "input": "i1"}


def receipt(split: str, size: int) -> Receipt:
    return Receipt(split, 0, 2, 2, 0, tables={"notes": {"rows": 2, "bytes": size}})


def test_put_replaces_whole_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    folder.put("notes/a", b"one")
    folder.put("notes/a", b"two!")
    assert folder.get("notes/a") == b"two!"
    assert folder.sizes("notes") == {"a": 4}
    assert os.listdir(tmp_path / TEMPORARY) == []
    assert folder.get("notes/none") is None
    assert folder.sizes("none") == {}


def test_a_receipt_counts_only_with_its_whole_files(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    ledger = Ledger(folder)
    for split in ("s1", "s2", "s3"):
        folder.put(f"notes/part-{split}.parquet", b"12345")
        ledger.write(receipt(split, 5))
    folder.remove("notes/part-s2.parquet")
    folder.put("notes/part-s3.parquet", b"1")
    assert set(ledger.receipts()) == {"s1"}
    assert ledger.receipts()["s1"] == receipt("s1", 5)


def test_another_fingerprint_is_refused_and_fresh_named(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    ledger = Ledger(folder)
    ledger.begin(IDENTITY, fresh=False)
    ledger.begin(IDENTITY, fresh=False)
    ledger.write(receipt("s1", 5))
    with pytest.raises(RequestError, match=r"changed: input.*--fresh"):
        ledger.begin({"fingerprint": "f2", "input": "i2"}, fresh=False)
    assert ledger.names() == {"s1"}
    ledger.begin({"fingerprint": "f2", "input": "i2"}, fresh=True)
    assert ledger.names() == set()
    assert ledger.plan() == {"fingerprint": "f2", "input": "i2"}


def test_foreign_tables_are_not_touched(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    folder.put("notes/mine.parquet", b"1")
    folder.put("other.txt", b"1")
    with pytest.raises(RequestError, match="already holds files under notes"):
        Ledger(folder).begin(IDENTITY, fresh=False)
    assert folder.get("notes/mine.parquet") == b"1"
    Ledger(folder).begin(IDENTITY, fresh=True)
    assert folder.get("other.txt") == b"1"


def test_an_unwritable_output_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RequestError, match="cannot write to the output"):
        Folder(str(tmp_path / "file" / "out")).check_writable()


def test_memory_output() -> None:
    folder = Folder("memory://ledger-test")
    folder.check_writable()
    folder.put("notes/a", b"1")
    assert folder.sizes("notes") == {"a": 1}
    assert not folder.is_shared


def test_what_is_damaged_counts_as_not_written(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    ledger = Ledger(folder)
    ledger.begin(IDENTITY, fresh=False)
    folder.put("notes/part-s1.parquet", b"12345")
    ledger.write(receipt("s1", 5))
    folder.put("_ledger/s2.json", b'{"split": "s2"')
    folder.put("_ledger/s3.json", b'{"split": "s3", "unknown": 1}')
    folder.put("_run.json", b"")
    assert set(ledger.receipts()) == {"s1"}
    assert ledger.manifest() is None
    folder.put("_plan.json", b'{"a')
    with pytest.raises(RequestError, match=r"_plan\.json .* is damaged; start over with --fresh"):
        ledger.begin(IDENTITY, fresh=False)
    ledger.begin(IDENTITY, fresh=True)
    assert ledger.plan() == IDENTITY


def test_a_private_file_is_the_owners(tmp_path: Path) -> None:
    Folder(str(tmp_path)).put("crosswalk/_key", b"k", private=True)
    assert (tmp_path / "crosswalk" / "_key").stat().st_mode & 0o077 == 0
