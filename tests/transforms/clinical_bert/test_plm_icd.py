"""Published checkpoints of PLM-ICD: loaded as they are saved, scored as their own code scores, or with a mask."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from tests.transforms.clinical_bert import families
from transforms.clinical_bert.checkpoints import CheckpointError, resolve
from transforms.clinical_bert.checkpoints.plm_icd import CHUNK
from transforms.clinical_bert.counts import Counts, TruncatedError
from transforms.clinical_bert.heads import plm_icd
from transforms.clinical_bert.heads.plm_icd import PlmIcd
from transforms.clinical_bert.replica import Replica
from transforms.icd.coding import CodeHit, CodingOptions

CODES = ["401.9", "038.9", "V45.81", "38.93", "428.0"]
CPU = torch.device("cpu")
LENGTHS = (3, 126, 127, 254, 300, 40, 700)  # words: chunks that are filled exactly, by one more, by one less


def save(
    folder: Path, family: str = "Roberta", mode: str = "laat", prefix: str = "", codes: list[str] | None = None
) -> Path:
    """A checkpoint as PLM-ICD's code saves it: encoder and linear layers in one file, labels without names."""
    codes = CODES if codes is None else codes
    positions = 132 if family == "Roberta" else 130
    families.random(folder, family, "Model", max_position_embeddings=positions, num_hidden_layers=2)
    torch.manual_seed(9)
    weights = {
        f"{family.lower()}.{name}": value
        for name, value in load_file(folder / "model.safetensors").items()
        if not name.startswith("pooler.")
    }
    width = families.WIDTH
    weights |= {
        f"{prefix}first_linear.weight": torch.randn(width, width) * 0.3,
        f"{prefix}second_linear.weight": torch.randn(len(codes), width),
        f"{prefix}third_linear.weight": torch.randn(len(codes), width) * 0.5,
        f"{prefix}third_linear.bias": torch.randn(len(codes)) * 0.1,
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    edit(
        folder,
        architectures=[f"{family}ForMultilabelClassification"],
        model_mode=mode,
        id2label={str(i): f"LABEL_{i}" for i in range(len(codes))},
    )
    (folder / "ALL_CODES.txt").write_text("\n".join([*codes, codes[0], ""]) + "\n")
    return folder


def edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def text_of(words: int) -> str:
    return " ".join(random.Random(words).choices(families.WORDS, k=words))


@torch.no_grad()
def published(folder: Path, texts: list[str], *, masked: bool, prefix: str = "") -> torch.Tensor:
    """The scores of one batch by the paper's formula, as the published code computes them: shape (texts, labels).

    One tokenised text with its special tokens, padded to the longest of the batch and to whole chunks of 128; each
    chunk through the encoder with the mask of the padding; softmax over all positions of all chunks (`laat`) or over
    those of each chunk (`laat-split`). `masked` sets the attention scores of the padding to minus infinity.
    """
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoder = transformers.AutoModel.from_pretrained(folder).eval()
    weights = load_file(folder / "model.safetensors")
    first, second, third = (weights[f"{prefix}{name}_linear.weight"] for name in ("first", "second", "third"))
    encoded = [tokenizer(text)["input_ids"] for text in texts]
    longest = -(-max(map(len, encoded)) // 128) * 128
    ids = torch.tensor([of_text + [tokenizer.pad_token_id] * (longest - len(of_text)) for of_text in encoded])
    mask = torch.tensor([[1] * len(of_text) + [0] * (longest - len(of_text)) for of_text in encoded])
    hidden = encoder(ids.view(-1, 128), attention_mask=mask.view(-1, 128)).last_hidden_state
    split = json.loads((folder / "config.json").read_text())["model_mode"] == "laat-split"
    hidden = hidden if split else hidden.view(len(texts), longest, -1)
    scores = torch.tanh(hidden @ first.T) @ second.T
    if masked:
        scores = scores.masked_fill(mask.view(len(hidden), -1, 1) == 0, -torch.inf)
    weighted = torch.softmax(scores, dim=1).nan_to_num(0.0).transpose(1, 2) @ hidden
    logits = (third * weighted).sum(dim=2) + weights[f"{prefix}third_linear.bias"]
    if split:
        logits = logits.view(len(texts), longest // 128, -1)
        if masked:  # a chunk of padding alone is none
            empty = mask.view(len(texts), -1, 128).sum(dim=2) == 0
            logits = logits.masked_fill(empty[:, :, None], -torch.inf)
        logits = logits.amax(dim=1)
    return torch.sigmoid(logits)


def opened(folder: Path, *, masked: bool) -> PlmIcd:
    return PlmIcd("icd", folder, "fp32", CPU, CodingOptions(threshold=0.0, masked=masked))


def annotate(model: PlmIcd, texts: list[str], counts: list[Counts] | None = None) -> list[list[CodeHit]]:
    counts = counts or [Counts() for _ in texts]
    return model.annotate(model.tokenizer(texts), texts, [()] * len(texts), counts)["icd"]


def scores_of(folder: Path, texts: list[str], *, masked: bool) -> torch.Tensor:
    found = annotate(opened(folder, masked=masked), texts)
    return torch.tensor([[{hit.code: hit.score for hit in hits}[code] for code in sorted(CODES)] for hits in found])


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("mode", ["laat", "laat-split"])
@pytest.mark.parametrize(("family", "prefix"), [("Roberta", ""), ("Bert", "attention.")])
def test_scores_are_those_of_the_papers_formula(
    family: str, prefix: str, mode: str, masked: bool, tmp_path: Path
) -> None:
    folder = save(tmp_path, family, mode, prefix)
    texts = [text_of(words) for words in LENGTHS]
    ours = scores_of(folder, texts, masked=masked)
    # Published scores depend on the batch, so they are those of batches of one, as in the published evaluation.
    theirs = torch.cat([published(folder, [text], masked=masked, prefix=prefix) for text in texts])
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert theirs.std() > 0.01
    other = torch.cat([published(folder, [text], masked=not masked, prefix=prefix) for text in texts])
    assert not torch.allclose(ours, other, atol=1e-3)  # the mask is seen


def test_masked_scores_are_those_of_any_batch_of_the_formula(tmp_path: Path) -> None:
    folder = save(tmp_path)
    texts = [text_of(words) for words in LENGTHS]
    assert torch.allclose(scores_of(folder, texts, masked=True), published(folder, texts, masked=True), atol=1e-5)
    unmasked = published(folder, texts, masked=False)
    alone = torch.cat([published(folder, [text], masked=False) for text in texts])
    assert not torch.allclose(unmasked, alone, atol=1e-3)  # the published trouble


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("mode", ["laat", "laat-split"])
def test_a_long_note_is_streamed_with_the_same_codes_and_evidence(
    mode: str, masked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(save(tmp_path, mode=mode), masked=masked)
    texts = [text_of(1500), text_of(200)]
    expected = annotate(model, texts)
    monkeypatch.setattr(plm_icd, "_HELD", 2)
    monkeypatch.setattr(plm_icd, "_BATCH", 3)
    for ours, theirs in zip(annotate(model, texts), expected, strict=True):
        assert [(hit.code, hit.evidence) for hit in ours] == [(hit.code, hit.evidence) for hit in theirs]
        assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs], abs=1e-6)
    assert any(hit.evidence for hit in expected[0])


def test_the_account_of_the_encoder(tmp_path: Path) -> None:
    counts = Counts()
    annotate(opened(save(tmp_path), masked=False), [text_of(300)], [counts])
    assert (counts.tokens, counts.windows, counts.positions, counts.padding) == (300, 3, 3 * CHUNK, 3 * CHUNK - 302)
    assert counts.truncated_tokens == 0


def test_what_the_tokenizer_cuts_off_is_counted_and_refused(tmp_path: Path) -> None:
    model = opened(save(tmp_path), masked=True)
    model.tokenizer.backend.enable_truncation(100)
    counts = Counts()
    with pytest.raises(TruncatedError):
        annotate(model, [text_of(300)], [counts])
    assert counts.truncated_tokens == 200


@pytest.mark.parametrize("masked", [True, False])
def test_the_replica_serves_it_with_codes_of_their_own_system(masked: bool, tmp_path: Path) -> None:
    folder = save(tmp_path)
    checkpoint = resolve(str(folder), "icd")
    options = {"icd": CodingOptions(threshold=0.0, masked=masked)}
    texts = [text_of(words) for words in LENGTHS] + [""]
    with Replica({"icd": checkpoint}, precision="fp32", device="cpu", options=options) as replica:
        together = replica.annotate(texts)["icd"]
        assert replica.n_tokens == [*LENGTHS, 0]
        alone = [replica.annotate([text])["icd"][0] for text in texts]
        for text, hits in zip(texts, together, strict=True):
            rows = replica.rows("icd", hits, text, [])
            assert {row["system"] for row in rows} <= {"ICD-9-CM"}
            assert {row["description"] for row in rows} <= {None}
            assert all(text[e["start"] : e["end"]] == e["text"] for row in rows for e in row["evidence"])
    assert together[-1] == []
    assert all({hit.code for hit in hits} == set(CODES) for hits in together[:-1])
    for one, many in zip(alone, together, strict=True):
        assert [hit.code for hit in one] == [hit.code for hit in many]
        assert [hit.score for hit in one] == pytest.approx([hit.score for hit in many], abs=1e-5)
    theirs = published(folder, texts[:1], masked=masked)[0]
    ours = {hit.code: hit.score for hit in together[0]}
    assert [ours[code] for code in sorted(CODES)] == pytest.approx(theirs.tolist(), abs=1e-5)


def test_icd_10_codes_have_descriptions_and_are_billable(tmp_path: Path) -> None:
    folder = save(tmp_path, codes=["E11.9", "I10", "E11", "02HV33Z"])
    with Replica(
        {"icd": resolve(str(folder), "icd")}, device="cpu", options={"icd": CodingOptions(threshold=0.0)}
    ) as replica:
        text = text_of(50)
        rows = replica.rows("icd", replica.annotate([text])["icd"][0], text, [])
    assert {row["code"]: row["system"] for row in rows} == {  # E11 is not billable
        "E11.9": "ICD-10-CM",
        "I10": "ICD-10-CM",
        "02HV33Z": "ICD-10-PCS",
    }
    assert {row["code"] for row in rows if row["description"]} == {"E11.9", "I10"}


def test_labels_that_the_config_names_are_taken(tmp_path: Path) -> None:
    folder = save(tmp_path)
    (folder / "ALL_CODES.txt").unlink()
    with pytest.raises(CheckpointError, match=r"labels have no names, only LABEL_0.*put the ALL_CODES\.txt"):
        resolve(str(folder), "icd")
    edit(folder, id2label={str(i): code for i, code in enumerate(CODES)})
    resolve(str(folder), "icd")


def test_the_code_list_is_part_of_the_identity(tmp_path: Path) -> None:
    folder = save(tmp_path)
    before = resolve(str(folder), "icd").sha256
    (folder / "ALL_CODES.txt").write_text("\n".join(["401.1", *CODES[1:]]))
    assert resolve(str(folder), "icd").sha256 != before


@pytest.mark.parametrize(
    ("changes", "lines", "words"),
    [
        ({"model_mode": "cls-max"}, CODES, r"model_mode in its config\.json is 'cls-max'; of PLM-ICD laat and"),
        ({}, CODES[1:], r"label attention is for 5 codes, but 4 are named"),
        ({}, [*CODES[1:], "hypertension"], r"its label 'hypertension' is no code of ICD-9-CM"),
        ({"max_position_embeddings": 66}, CODES, r"takes 64 tokens, a chunk of PLM-ICD has 128"),
        ({"architectures": ["LongformerForMultilabelClassification"]}, CODES, r"its class is LongformerForMultilabel"),
    ],
)
def test_what_cannot_serve_is_refused(changes: dict[str, Any], lines: list[str], words: str, tmp_path: Path) -> None:
    folder = save(tmp_path)
    edit(folder, **changes)
    (folder / "ALL_CODES.txt").write_text("\n".join(lines))
    with pytest.raises(CheckpointError, match=words):
        resolve(str(folder), "icd")


def test_missing_attention_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["second_linear.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks the weights of the head 'icd': .*second_linear"):
        resolve(str(folder), "icd")


def test_a_pickled_one_is_converted_with_its_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTEMILL_CACHE", str(tmp_path / "cache"))
    folder = save(tmp_path / "p")
    expected = resolve(str(folder), "icd")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert resolve(str(folder), "icd", pickled=True).sha256 == expected.sha256
