"""Layers in C++ against transformers' own forward, for every family that is built like BERT."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.transforms.clinical_bert import tiny
from tests.transforms.clinical_bert.backends import encoders
from transforms.clinical_bert.backends import BackendError, open_backend
from transforms.clinical_bert.backends.native import FAMILIES, library, unfit
from transforms.clinical_bert.backends.native.encoder import NativeEncoder
from transforms.clinical_bert.backends.support import choose, features
from transforms.clinical_bert.checkpoints import resolve
from transforms.clinical_bert.counts import Counts
from transforms.clinical_bert.replica import Replica

LENGTHS = (7, 33, 2, 80, 33, 16, 48, 7, 7, 50, 64, 3)
NAMES = sorted(name for name in encoders.CONFIGS if encoders.model(name).config.model_type in FAMILIES)
BERT = {"model_type": "bert", "hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 96}

computes = pytest.mark.skipif(
    not {"avx512_bf16", "avx512_vnni"} <= features() or library.compiler() is None,
    reason="needs AVX512-BF16, VNNI and a C++ compiler",
)


@pytest.fixture
def anew() -> Iterator[None]:
    """The library is looked for again, before the test and after it."""
    library.problem.cache_clear()
    yield
    library.problem.cache_clear()


def test_every_family_is_here() -> None:
    assert len(NAMES) == len(FAMILIES)


@computes
@pytest.mark.parametrize(("quantized", "least"), [(False, 0.9995), (True, 0.998)])
@pytest.mark.parametrize("family", NAMES)
def test_states_are_near_those_of_transformers(family: str, quantized: bool, least: float) -> None:
    batch = encoders.windows(*LENGTHS)
    expected = encoders.expected(encoders.model(family), batch)
    backend = NativeEncoder(encoders.model(family), quantized=quantized)
    states = backend(batch)
    assert (backend.dtype, backend.width) == (states.dtype, states.shape[1]) == (torch.bfloat16, encoders.WIDTH)
    assert torch.cosine_similarity(states.float(), expected).min() > least
    assert (states.float() - expected).abs().mean() < 0.1 * expected.std()


@computes
@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_states_do_not_depend_on_neighbours_or_threads(quantized: bool, threads: int) -> None:
    backend = NativeEncoder(encoders.model("Bert"), quantized=quantized)
    batch = encoders.windows(*LENGTHS)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = backend(batch)
    finally:
        torch.set_num_threads(before)
    for part, states in zip(encoders.parts(batch), together.split(batch.lengths), strict=True):
        assert torch.equal(backend(part), states)


@computes
@pytest.mark.parametrize("quantized", [False, True])
def test_long_windows_and_word_shapes(quantized: bool) -> None:
    """Widths that fill no panel of weights, more positions than a block of queries, and token types."""
    changes: dict[str, Any] = {
        "max_position_embeddings": 512,
        "num_attention_heads": 4,
        "hidden_size": 72,
        "intermediate_size": 100,
        "type_vocab_size": 10,
    }
    batch = encoders.windows(512, 431, 390, 431, 20, types=10)
    expected = encoders.expected(encoders.model("Bert", **changes), batch)
    backend = NativeEncoder(encoders.model("Bert", **changes), quantized=quantized)
    states = backend(batch)
    assert torch.cosine_similarity(states.float(), expected).min() > 0.995
    for part, of_window in zip(encoders.parts(batch), states.split(batch.lengths), strict=True):
        assert torch.equal(backend(part), of_window)


@computes
@pytest.mark.parametrize("precision", ["auto", "bf16", "int8"])
def test_word_shapes_pass_from_the_note_to_the_layers_and_tell_windows_apart(tmp_path: Path, precision: str) -> None:
    """A checkpoint that ships so: word shapes, measured in 8 bits. Texts differ in capitals and lines alone."""
    folder = tiny.own(tmp_path, heads=("ner", "icd", "readmission"), measured_in="int8", **tiny.SHAPED)
    assert choose("auto", "auto", "cpu", [json.loads((folder / "config.json").read_text())]) == ("native", "int8")
    words = "fever chest pain the patient no x9 " * 20
    texts = [words, words.title(), words, words.upper(), words.replace("chest ", "chest\n"), words.title()]
    heads = {name: resolve(str(folder), name) for name in ("ner", "icd", "readmission")}

    def found(**options: Any) -> tuple[dict[str, list[Any]], Counts]:
        with Replica(heads, device="cpu", check_labels=False, **options) as replica:
            assert isinstance(replica._models[0]._encoder.runner.backend, NativeEncoder)  # type: ignore[union-attr]
            return replica.annotate(texts), replica.counts

    cached, counts = found(precision=precision, backend="auto")
    alone, all_run = found(precision=precision, backend="auto", cache_mb=0)
    assert cached == alone
    # The third text's windows are the first's, the last one's the second's; of the others none is another's.
    assert (counts.repeated_windows, all_run.repeated_windows) == (counts.windows // 3, 0)
    scores = [chunks[0].score for chunks in cached["readmission"]]
    assert (scores[0], scores[1]) == (scores[2], scores[5])
    assert len({*scores}) == 4
    exact = Replica(heads, device="cpu", precision="fp32")
    expected = [chunks[0].score for chunks in exact.annotate(texts)["readmission"]]
    assert scores == pytest.approx(expected, abs=0.05)


@computes
def test_weights_of_zeros_and_great_ones() -> None:
    """No output is divided by 0, and sums of whole numbers do not overflow."""

    def made() -> Any:
        model = encoders.model("Bert", intermediate_size=4096)
        layer = model.encoder.layer[0]
        with torch.no_grad():
            layer.intermediate.dense.weight[5] = 0
            layer.output.dense.weight.mul_(1e3)
            layer.attention.output.dense.weight.mul_(1e-20)
        return model

    batch = encoders.windows(40, 9)
    states = NativeEncoder(made(), quantized=True)(batch)
    assert torch.cosine_similarity(states.float(), encoders.expected(made(), batch)).min() > 0.99


@computes
@pytest.mark.usefixtures("anew")
def test_it_is_compiled_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTEMILL_CACHE", str(tmp_path))
    # What is loaded into a process stays there, and cannot be registered a second time.
    monkeypatch.setattr(torch.ops, "load_library", lambda path: loaded.append(path))
    loaded: list[Path] = []
    with caplog.at_level(logging.INFO):
        assert library.problem() is None
        library.problem.cache_clear()
        assert library.problem() is None
        monkeypatch.setattr(library, "compiler", lambda: None)
        library.problem.cache_clear()
        assert library.problem() is None, "what is kept needs no compiler"
    assert caplog.text.count("compiling the native layers") == 1
    assert loaded == [loaded[0]] * 3
    assert [path.suffix for path in (tmp_path / "native").iterdir()].count("") == 1
    assert {path.suffix for path in (tmp_path / "native").iterdir()} == {"", ".lock"}


_LOAD = """
import torch
from transforms.clinical_bert.backends.native import library
print(library.problem(), hasattr(torch.ops.notemill_native, "encode"))
"""


@computes
@pytest.mark.parametrize("damage", ["cut short", "noise", "empty", "gone", "without hashes", "other hashes"])
def test_a_damaged_library_is_compiled_again_and_never_loaded(tmp_path: Path, damage: str) -> None:
    """In a process of its own, which a library that is cut short kills (signal 7) where it is loaded."""
    assert library.problem() is None
    whole = library._place()
    place = tmp_path / "native" / whole.name
    shutil.copytree(whole, place)
    kept, hashes = place / library.LIBRARY, place / "files.json"
    content = kept.read_bytes()
    if damage == "cut short":
        kept.write_bytes(content[: len(content) // 2])
    elif damage == "noise":
        kept.write_bytes(content[:4096] + os.urandom(len(content) - 4096))
    elif damage == "empty":
        kept.write_bytes(b"")
    elif damage == "gone":
        kept.unlink()
    elif damage == "without hashes":
        hashes.unlink()
    else:
        hashes.write_text('{"layers.so": "0"}')
    # A compiler that takes no half minute: it writes what a real one has written.
    compiler = tmp_path / "c++"
    compiler.write_text(
        "#!/bin/sh\necho compiled >> $0.log\nwhile [ $1 != -o ]; do shift; done\n"
        f"cp {shlex.quote(str(whole / library.LIBRARY))} $2\n"
    )
    compiler.chmod(0o755)
    found = subprocess.run(
        [sys.executable, "-c", _LOAD],
        env=os.environ | {"NOTEMILL_CACHE": str(tmp_path), "CXX": str(compiler)},
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, "None True\n"), found.stderr
    assert Path(f"{compiler}.log").read_text() == "compiled\n"
    assert "damaged: it is made again" in found.stderr
    assert kept.read_bytes() == content


@computes
@pytest.mark.usefixtures("anew")
def test_a_damaged_library_without_a_compiler_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "native" / library._place().name
    place.mkdir(parents=True)
    (place / library.LIBRARY).write_bytes(b"\x7fELF")
    monkeypatch.setenv("NOTEMILL_CACHE", str(tmp_path))
    monkeypatch.setattr(library, "compiler", lambda: None)
    monkeypatch.setattr(torch.ops, "load_library", lambda path: pytest.fail(f"{path} is loaded"))
    assert "needs a C++ compiler" in str(library.problem())


@pytest.mark.usefixtures("anew")
def test_a_cache_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NOTEMILL_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("CXX", "true")
    assert "set NOTEMILL_CACHE to another" in str(library.problem())


@pytest.mark.usefixtures("anew")
def test_a_compiler_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTEMILL_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "false")
    assert "cannot be compiled with false: a C++20 compiler" in str(library.problem())
    assert [path.suffix for path in (tmp_path / "native").iterdir()] == [".lock"]
    library.problem.cache_clear()
    monkeypatch.setenv("CXX", "no-such-compiler -O9")
    assert "cannot be compiled with no-such-compiler: a C++20 compiler" in str(library.problem())
    library.problem.cache_clear()
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs a C++ compiler: none of c++, g++, clang++ is on the path" in str(library.problem())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"model_type": "longformer"}, "longformer is not built like BERT"),
        ({"hidden_act": "relu"}, "its activation is relu"),
        ({"position_embedding_type": "relative_key"}, "relative"),
        ({"hidden_size": 66}, "multiples of 4"),
        ({"num_attention_heads": 64}, "multiples of 4"),
        ({"intermediate_size": 90}, "multiples of 4"),
        ({"is_decoder": True}, "not an encoder"),
    ],
)
def test_what_is_computed(changes: dict[str, Any], reason: str | None) -> None:
    config = BERT | changes
    found = unfit(config["model_type"], config)
    assert found is None if reason is None else reason in str(found)


@computes
def test_what_is_not_goes_to_pytorch(tmp_path: Path) -> None:
    config = BERT | {"hidden_act": "relu"}
    assert choose("auto", "auto", "cpu", [BERT]) == ("native", "bf16")
    assert choose("auto", "auto", "cpu", [BERT, config]) == ("torch", "bf16")
    with pytest.raises(BackendError, match=r"its activation is relu, not gelu; set model\.backend = 'torch'"):
        choose("native", "auto", "cpu", [config])
    folder = encoders.save(tmp_path, "Bert")
    with pytest.raises(BackendError, match=r"'native' does not run through torch\.compile"):
        open_backend(folder, backend="native", compiled=True)
    for precision in ("bf16", "int8"):
        assert isinstance(open_backend(folder, backend="native", precision=precision), NativeEncoder)  # type: ignore[arg-type]
