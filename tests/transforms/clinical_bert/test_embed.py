"""Embeddings: the usual ones on short texts, each token once on long ones, and a fixed width in the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import transformers

from tests.transforms.clinical_bert import families, tiny
from transforms.clinical_bert.checkpoints import CheckpointError, resolve, shipped
from transforms.clinical_bert.heads.embed import Embedding, EmbedOptions
from transforms.clinical_bert.replica import Replica
from transforms.clinical_bert.stage import ClinicalBert
from transforms.clinical_bert.windows import NoteTokenizer, cover

SHORT = ["chest pain", "the patient has fever.", "x"]
SECTIONS = [
    {"section_id": 0, "start": 0, "end": 300},
    {"section_id": 1, "start": 300, "end": 700},
    {"section_id": 2, "start": 400, "end": 700},
    {"section_id": 3, "start": 700, "end": 700},
]
LONG = " ".join(f"pain {'fever chest the '[i % 14 :]}" for i in range(90))[:700]


def embed(
    folder: Path, texts: list[str], options: EmbedOptions | None = None, sections: Any = None, **others: Any
) -> list[list[Embedding]]:
    checkpoint = resolve(str(folder), "embed")
    chosen = {} if options is None else {"embed": options}
    with Replica({"embed": checkpoint}, precision="fp32", device="cpu", options=chosen, **others) as replica:
        found: list[list[Embedding]] = replica.annotate(texts, sections)["embed"]
    return found


def usual(folder: Path, text: str, pooling: str) -> np.ndarray:
    """As sentence-transformers does it: the mean over all tokens, the special ones too, or the first one."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.no_grad():
        states = model(**inputs).last_hidden_state[0]
    return (states.mean(dim=0) if pooling == "mean" else states[0]).numpy()


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("family", ["Bert", "Roberta", "DistilBert", "DebertaV2", "ModernBert"])
def test_short_texts_have_the_usual_vector(tmp_path: Path, family: str, pooling: Any) -> None:
    folder = families.random(tmp_path, family, "Model")
    found = embed(folder, SHORT, EmbedOptions(pooling=pooling, units=("note",)))
    for text, units in zip(SHORT, found, strict=True):
        (unit,) = units
        assert unit.section_id is None
        assert unit.vector.dtype == np.float32
        assert np.abs(unit.vector - usual(folder, text, pooling)).max() < 1e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.own(tmp_path_factory.mktemp("own"), heads=())


def states_of(folder: Path, text: str) -> tuple[Any, torch.Tensor, dict[int, torch.Tensor]]:
    """Tokens, their states by the window that owns each, and the [CLS] of each window by its first owned token."""
    tokenizer = NoteTokenizer(transformers.AutoTokenizer.from_pretrained(folder))
    (tokens,) = tokenizer([text])
    model = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    states, first, last = [], {}, None
    for window in cover(tokens, [section["start"] for section in SECTIONS], tiny.POSITIONS - 2, tiny.POSITIONS // 8):
        ids = [tokenizer.first, *tokens.ids[window.start : window.stop].tolist(), tokenizer.last]
        with torch.no_grad():
            of_window = model(torch.tensor([ids])).last_hidden_state[0]
        states.append(of_window[1 + window.own_start - window.start : 1 + window.own_stop - window.start])
        first[window.own_start] = of_window[0]
        last = of_window[-1]
    return tokens, torch.cat([torch.cat(states), next(iter(first.values()))[None], last[None]]), first  # type: ignore[index]


def test_each_token_of_a_long_note_counts_once(folder: Path) -> None:
    tokens, states, _ = states_of(folder, LONG)
    assert len(tokens) > 2 * tiny.POSITIONS
    (found,) = embed(folder, [LONG], EmbedOptions(pooling="mean"), [SECTIONS])
    counts = [int(np.sum((tokens.starts >= s["start"]) & (tokens.starts < s["end"]))) for s in SECTIONS]
    assert counts[3] == 0
    expected = [(None, len(tokens)), *zip(range(3), counts, strict=False)]
    assert [(unit.section_id, unit.n_tokens) for unit in found] == expected
    assert np.abs(found[0].vector - states.mean(dim=0).numpy()).max() < 1e-5
    for unit, section in zip(found[1:], SECTIONS, strict=False):
        inside = np.flatnonzero((tokens.starts >= section["start"]) & (tokens.starts < section["end"]))
        assert np.abs(unit.vector - states[inside].mean(dim=0).numpy()).max() < 1e-5


def test_the_first_token_is_that_of_the_window_in_which_a_unit_begins(folder: Path) -> None:
    tokens, _, first = states_of(folder, LONG)
    (found,) = embed(folder, [LONG], EmbedOptions(pooling="cls"), [SECTIONS])
    starts = [0, *(int(np.searchsorted(tokens.starts, section["start"])) for section in SECTIONS[:3])]
    for unit, start in zip(found, starts, strict=True):
        owner = max(own for own in first if own <= start)
        assert np.abs(unit.vector - first[owner].numpy()).max() < 1e-5
    assert len({unit.vector.tobytes() for unit in found}) > 2


def test_a_note_too_long_to_hold_is_pooled_as_it_streams(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for pooling in ("mean", "cls"):
        options = EmbedOptions(pooling=pooling)  # type: ignore[arg-type]
        (held,) = embed(folder, [LONG], options, [SECTIONS])
        with monkeypatch.context() as patch:
            patch.setattr("transforms.clinical_bert.replica._GROUP_BYTES", 100)
            (streamed,) = embed(folder, [LONG], options, [SECTIONS])
        assert [unit[:2] for unit in streamed] == [unit[:2] for unit in held]
        for one, other in zip(streamed, held, strict=True):
            assert np.abs(one.vector - other.vector).max() < 1e-5


def test_neighbours_change_nothing(folder: Path) -> None:
    texts = [*SHORT, LONG, "", "   ", LONG[:90]]
    alone = [embed(folder, [text])[0] for text in texts]
    together = embed(folder, texts)
    assert [len(units) for units in together] == [1, 1, 1, 1, 0, 0, 1]
    for one, other in zip(alone, together, strict=True):
        assert all(np.abs(a.vector - b.vector).max() < 1e-5 for a, b in zip(one, other, strict=True))


def sentence(folder: Path, *, mode: str, modules: tuple[str, ...] = ("Transformer", "Pooling", "Normalize")) -> Path:
    """Adds what sentence-transformers writes beside an encoder."""
    tiny.own(folder, heads=())
    listed = [
        {"idx": i, "name": str(i), "path": f"{i}_{name}" if i else "", "type": f"sentence_transformers.models.{name}"}
        for i, name in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    modes = {f"pooling_mode_{name}": name == mode for name in ("mean_tokens", "cls_token", "max_tokens")}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": tiny.WIDTH, **modes}))
    return folder


@pytest.mark.parametrize(("mode", "pooling"), [("mean_tokens", "mean"), ("cls_token", "cls")])
def test_a_checkpoint_says_how_it_pools(tmp_path: Path, mode: str, pooling: str) -> None:
    folder = sentence(tmp_path, mode=mode)
    ((unit,),) = embed(folder, [SHORT[0]])
    expected = usual(folder, SHORT[0], pooling)
    assert np.abs(unit.vector - expected / np.linalg.norm(expected)).max() < 1e-5
    ((other,),) = embed(folder, [SHORT[0]], EmbedOptions(pooling="mean" if pooling == "cls" else "cls"))
    assert np.abs(unit.vector - other.vector).max() > 1e-3


def test_other_ways_to_pool_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="pools by pooling_mode_max_tokens; supported: mean_tokens or cls_token"):
        resolve(str(sentence(tmp_path / "max", mode="max_tokens")), "embed")
    folder = sentence(tmp_path / "dense", mode="cls_token", modules=("Transformer", "Pooling", "Dense"))
    with pytest.raises(CheckpointError, match="ends with the module Dense"):
        resolve(str(folder), "embed")
    with pytest.raises(ValueError, match="pooling 'max' is none of mean, cls"):
        EmbedOptions(pooling="max")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="units must be some of note, section"):
        EmbedOptions(units=())


def test_how_it_pools_is_part_of_a_checkpoints_identity(tmp_path: Path) -> None:
    one = resolve(str(sentence(tmp_path / "a", mode="cls_token")), "embed")
    other = resolve(str(sentence(tmp_path / "b", mode="mean_tokens")), "embed")
    assert one.sha256 != other.sha256


def test_the_columns_type_holds_the_width(folder: Path) -> None:
    stage = ClinicalBert((("embed", resolve(str(folder), "embed")),), precision="fp32", device="cpu")
    worker = stage.open()
    sections = [[{**section, "category": None} for section in SECTIONS], None]
    notes = pa.table({"text": [LONG, "fever"], "sections": pa.array(sections)})
    column = worker.process(notes)["embeddings"]
    worker.close()
    assert column.type == stage.adds.field("embeddings").type
    assert column.type.value_type.field("embedding").type == pa.list_(pa.float32(), tiny.WIDTH)
    assert [[row["section_id"] for row in rows] for rows in column.to_pylist()] == [[None, 0, 1, 2], [None]]


def test_the_shipped_checkpoint_serves_it_in_the_pass_of_the_other_heads() -> None:
    heads = {name: shipped(name) for name in ("ner", "embed")}
    with Replica(heads, precision="fp32", device="cpu") as replica:
        (units,) = replica.annotate(["Chest pain since yesterday."])["embed"]
        assert len(replica._models) == 1
    assert [unit.vector.shape for unit in units] == [(384,)]
