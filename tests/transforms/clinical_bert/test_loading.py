"""Encoders of every family: their states and scores are those of transformers' own forward, whatever went before."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
import transformers
from safetensors.torch import load_file, save_file

from tests.transforms.clinical_bert import families, tiny
from transforms.clinical_bert.catalogue import ENCODERS
from transforms.clinical_bert.checkpoints import CheckpointError, positions, resolve
from transforms.clinical_bert.checkpoints.loading import check_tokenizer, load_classifier, load_encoder, load_tokenizer
from transforms.clinical_bert.checkpoints.vocabulary import is_cased
from transforms.clinical_bert.heads.embed import EmbedOptions
from transforms.clinical_bert.replica import Replica

PLAIN = ["Model", "ForMaskedLM", "ForPreTraining", "ForTokenClassification", "ForSequenceClassification"]
CPU = torch.device("cpu")


def text_of(words: int, seed: int = 0) -> str:
    return " ".join(random.Random(seed).choices(families.WORDS, k=words))


def encoder(folder: Path) -> Any:
    return load_encoder(folder, torch.float32, CPU)


@torch.no_grad()
def states(model: Any, tokenizer: Any, text: str) -> torch.Tensor:
    return model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]


def fresh(folder: Path) -> Any:
    return transformers.AutoModel.from_pretrained(folder).eval()


@pytest.mark.parametrize("task", PLAIN)
@pytest.mark.parametrize("family", families.FAMILIES)
def test_any_encoder_serves_embeddings_with_its_own_states(family: str, task: str, tmp_path: Path) -> None:
    if not hasattr(transformers, f"{family}{task}"):
        pytest.skip(f"transformers has no {family}{task}")
    folder = families.random(tmp_path, family, task)
    assert resolve(str(folder), "embed").folder() == folder
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    loaded = encoder(folder)
    for words in (3, 40, 11):
        text = text_of(words)
        ours, theirs = states(loaded, tokenizer, text), states(fresh(folder), tokenizer, text)
        assert ours.shape == theirs.shape
        assert torch.allclose(ours, theirs, atol=1e-5)
        assert theirs.std() > 0.1


@pytest.mark.parametrize("family", families.FAMILIES)
def test_the_replica_gives_the_states_of_transformers_own_forward(family: str, tmp_path: Path) -> None:
    folder = families.random(tmp_path, family, "Model", num_hidden_layers=2)
    texts = [text_of(words, seed=words) for words in (60, 5, 33, 26, 60, 12, 45)]  # each fits in one window
    options = {"embed": EmbedOptions(pooling="mean")}
    with Replica({"embed": resolve(str(folder), "embed")}, precision="fp32", device="cpu", options=options) as replica:
        found = replica.annotate(texts)["embed"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for text, (note, *_) in zip(texts, found, strict=True):
        expected = states(fresh(folder), tokenizer, text).mean(dim=0)
        assert torch.allclose(torch.as_tensor(note.vector), expected, atol=1e-5)


@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_sequence_classifier_scores_as_its_own_class(family: str, tmp_path: Path) -> None:
    if not hasattr(transformers, f"{family}ForSequenceClassification"):
        pytest.skip(f"transformers has no {family}ForSequenceClassification")
    folder = families.random(tmp_path, family, "ForSequenceClassification", num_labels=2)
    texts = [text_of(words, seed=words) for words in (58, 20, 11, 33, 58, 12)]
    with Replica({"readmission": resolve(str(folder), "readmission")}, precision="fp32", device="cpu") as replica:
        together = replica.annotate(texts)["readmission"]
        assert [replica.annotate([text])["readmission"][0] for text in texts] == [
            [(c.start, c.end, pytest.approx(c.score, abs=1e-6)) for c in chunks] for chunks in together
        ]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for text, chunks in zip(texts, together, strict=True):
        own = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
        with torch.no_grad():
            logits = own(**tokenizer(text, return_tensors="pt")).logits[0]
        expected = pytest.approx(float(torch.softmax(logits, dim=0)[1]), abs=1e-5)
        assert chunks == [(0, len(text), expected)]
    assert len({round(chunks[0].score, 4) for chunks in together}) > 1


# -- BigBird


@pytest.fixture(scope="module")
def big_bird(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blocks of 4 tokens, one of them random: up to 28 tokens are attended to in full."""
    return families.random(tmp_path_factory.mktemp("BigBird"), "BigBird", "Model", num_hidden_layers=2)


@pytest.mark.parametrize("sparse", [True, False])
def test_big_bird_gives_what_a_fresh_model_gives_whatever_came_before(big_bird: Path, sparse: bool) -> None:
    folder = big_bird
    if not sparse:
        folder = Path(shutil.copytree(big_bird, big_bird.parent / "full"))
        edit(folder / "config.json", attention_type="original_full")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    loaded = encoder(folder)
    texts = {words: text_of(words, seed=words) for words in (60, 5, 26, 27, 33, 60, 26, 62, 5, 45)}
    expected = {words: states(fresh(folder), tokenizer, text) for words, text in texts.items()}
    for words in [*texts, *reversed(texts)]:
        ours = states(loaded, tokenizer, texts[words])
        assert len(ours) == words + 2
        assert torch.allclose(ours, expected[words], atol=1e-5), words
    stuck = fresh(folder)
    states(stuck, tokenizer, texts[5])
    # Without care the long window would come out otherwise after a short one.
    assert torch.allclose(states(stuck, tokenizer, texts[60]), expected[60], atol=1e-3) != sparse


def test_big_bird_does_not_depend_on_the_batch(big_bird: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(big_bird)
    loaded = encoder(big_bird)
    texts = [text_of(words, seed=words) for words in (62, 5, 30, 27, 31, 33, 45, 26, 44)]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        together = loaded(**batch).last_hidden_state
        theirs = fresh(big_bird)(**batch).last_hidden_state
    alone = [states(fresh(big_bird), tokenizer, text) for text in texts]
    assert all(torch.allclose(row[: len(own)], own, atol=1e-5) for row, own in zip(together, alone, strict=True))
    assert not all(torch.allclose(row[: len(own)], own, atol=1e-3) for row, own in zip(theirs, alone, strict=True))


def test_big_bird_at_the_size_of_the_published_ones(tmp_path: Path) -> None:
    """Blocks of 64, three random ones; transformers plans lengths of 1,024, 3,072 and 4,096 in a way of their own."""
    sizes = {"max_position_embeddings": 4096, "block_size": 64, "num_random_blocks": 3}
    folder = families.random(tmp_path, "BigBird", "Model", **sizes)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    loaded = encoder(folder)
    texts = [text_of(tokens - 2, seed=tokens) for tokens in (704, 1024, 705, 4096, 1100)]
    alone = [states(fresh(folder), tokenizer, text) for text in texts]
    assert [len(own) for own in alone] == [704, 1024, 705, 4096, 1100]
    for text, own in zip(texts, alone, strict=True):
        assert torch.allclose(states(loaded, tokenizer, text), own, atol=1e-5)


# -- casing


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps((json.loads(path.read_text()) if path.is_file() else {}) | changes))


def word_piece(folder: Path, *, cased: bool, kind: str, config: dict[str, object] | None) -> Path:
    """A BERT with a vocabulary, in the form that older or newer checkpoints have it."""
    families.random(folder, "Bert", "Model")
    pieces = [*families.BERT_SPECIAL, *("Pain pain john John" if cased else "pain john").split(), "##s"]
    transformers.BertTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, do_lower_case=not cased
    ).save_pretrained(folder)
    if kind == "vocab.txt":
        (folder / "tokenizer.json").unlink()
        (folder / "vocab.txt").write_text("\n".join([*pieces, "[unused1]"]) + "\n")
    (folder / "tokenizer_config.json").unlink()
    if config is not None:
        edit(folder / "tokenizer_config.json", **config)
    return folder


@pytest.mark.parametrize("config", [None, {}, {"model_max_length": int(1e30), "tokenizer_class": "BertTokenizer"}])
@pytest.mark.parametrize("kind", ["vocab.txt", "tokenizer.json"])
@pytest.mark.parametrize("cased", [True, False])
def test_cased_stays_cased_where_the_settings_say_nothing(
    cased: bool, kind: str, config: dict[str, object] | None, tmp_path: Path
) -> None:
    folder = word_piece(tmp_path, cased=cased, kind=kind, config=config)
    upper, lower = (tokens.ids.tolist() for tokens in load_tokenizer(folder)(["John Pains", "john pains"]))
    assert (upper != lower) == cased
    assert is_cased(folder) == cased
    assert 1 not in upper  # [UNK]


def test_what_the_settings_say_is_done(tmp_path: Path) -> None:
    folder = word_piece(tmp_path, cased=True, kind="vocab.txt", config={"do_lower_case": True})
    upper, lower = (tokens.ids.tolist() for tokens in load_tokenizer(folder)(["John Pain", "john pain"]))
    assert upper == lower
    assert not is_cased(folder)


@pytest.mark.parametrize("family", families.FAMILIES)
def test_casing_that_is_told_is_that_of_the_tokenizer(family: str, tmp_path: Path) -> None:
    folder = families.random(tmp_path, family, "Model")
    upper, lower = (tokens.ids.tolist() for tokens in load_tokenizer(folder)(["PAIN Fever", "pain fever"]))
    assert is_cased(folder) == (upper != lower)


# -- SentencePiece


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize(
    ("family", "name"),
    [("BigBird", "spiece.model"), ("DebertaV2", "spm.model"), ("XLMRoberta", "sentencepiece.bpe.model")],
)
def test_vocabularies_of_sentence_piece(family: str, name: str, copied: bool, tmp_path: Path) -> None:
    """`copied`: as in Clinical-BigBird, whose tokenizer.json is a copy of the SentencePiece model."""
    folder = families.random(tmp_path / "model", family, "Model")
    (folder / "tokenizer.json").unlink()
    kind = json.loads((folder / "tokenizer_config.json").read_text())["tokenizer_class"]
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
    (tmp_path / "text").write_text("\n".join(["the patient has chest pain and fever", "Was the Fever gone?"] * 50))
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "text"),
        model_prefix=str(tmp_path / "made"),
        vocab_size=50,
        hard_vocab_limit=False,
        minloglevel=2,
        user_defined_symbols=["[CLS]", "[SEP]", "[MASK]", "[PAD]"],
    )
    shutil.copy(tmp_path / "made.model", folder / name)
    if copied:
        shutil.copy(tmp_path / "made.model", folder / "tokenizer.json")
    text = "The patient has  Fever"
    (tokens,) = load_tokenizer(folder)([text])
    read = {at for start, end in zip(tokens.starts, tokens.ends, strict=True) for at in range(start, end)}
    assert read >= {at for at, char in enumerate(text) if not char.isspace()}
    assert len(set(tokens.ids.tolist())) > 5
    assert is_cased(folder)


# -- positions


@pytest.mark.parametrize("family", families.FAMILIES)
def test_the_model_takes_all_of_its_positions_and_no_more(family: str, tmp_path: Path) -> None:
    folder = families.random(tmp_path, family, "Model")
    edit(folder / "tokenizer_config.json", model_max_length=int(1e30))
    config = json.loads((folder / "config.json").read_text())
    limit = positions(config)
    assert limit == 64
    model = encoder(folder)
    ids = torch.full((1, limit), 7)
    with torch.no_grad():
        assert model(ids).last_hidden_state.shape[1] == limit
    if family in ("Roberta", "XLMRoberta", "Longformer", "MPNet"):
        with torch.no_grad(), pytest.raises((IndexError, RuntimeError)):
            model(torch.full((1, limit + 1), 7))


def test_positions_of_the_long_ones() -> None:
    assert positions({"model_type": "longformer", "max_position_embeddings": 4098, "pad_token_id": 1}) == 4096
    assert positions({"model_type": "big_bird", "max_position_embeddings": 4096}) == 4096
    assert positions({"max_position_embeddings": 512}) == 512


def test_every_family_is_one_of_transformers() -> None:
    for model_type, family in ENCODERS.items():
        assert getattr(transformers, f"{family}Config").model_type == model_type
        assert hasattr(transformers, f"{family}ForTokenClassification")


# -- older checkpoints


def test_the_first_berts_name_no_type_and_call_their_norms_otherwise(tmp_path: Path) -> None:
    """As BlueBERT's: a config without `model_type` and `architectures`, LayerNorms with gamma and beta."""
    folder = families.random(tmp_path, "Bert", "Model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    expected = states(fresh(folder), tokenizer, text_of(20))
    config = json.loads((folder / "config.json").read_text())
    for key in ("model_type", "architectures", "transformers_version"):
        del config[key]
    (folder / "config.json").write_text(json.dumps(config))
    renamed = {
        "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in load_file(folder / "model.safetensors").items()
    }
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    assert torch.allclose(states(encoder(folder), tokenizer, text_of(20)), expected, atol=1e-5)
    assert len(load_tokenizer(folder)(["the pain"])[0]) == 2


@pytest.mark.parametrize("load", [load_encoder, load_classifier])
def test_weights_that_are_missing_are_never_made_up(load: Any, tmp_path: Path) -> None:
    for family in ("BigBird", "Longformer"):
        folder = families.random(tmp_path / family, family, "ForSequenceClassification", num_labels=2)
        weights = load_file(folder / "model.safetensors")
        lost = next(name for name in weights if name.endswith("attention.self.key.weight"))
        del weights[lost]
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(CheckpointError, match=r"lacks weights of its own model: .*attention\.self\.key\.weight"):
            load(folder, torch.float32, CPU)


@pytest.mark.parametrize("normalizer", [None, {"type": "Sequence", "normalizers": [{"type": "NFC"}]}])
def test_any_normalizer_of_the_file_is_kept(normalizer: object, tmp_path: Path) -> None:
    folder = word_piece(tmp_path, cased=True, kind="tokenizer.json", config=None)
    edit(folder / "tokenizer.json", normalizer=normalizer)
    upper, lower = (tokens.ids.tolist() for tokens in load_tokenizer(folder)(["John Pain", "john pain"]))
    assert upper != lower
    assert is_cased(folder)


@pytest.mark.parametrize("where", ["model.safetensors", "heads/ner.safetensors"])
def test_weights_that_are_not_numbers_are_refused(where: str, tmp_path: Path) -> None:
    folder = tiny.own(tmp_path / "m")
    weights = load_file(folder / where)
    name = next(iter(weights))
    weights[name] = (
        weights[name].clone().flatten().index_fill(0, torch.tensor([0]), float("nan")).view_as(weights[name])
    )
    save_file(weights, folder / where, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="not numbers"):
        Replica({"ner": resolve(str(folder), "ner")}, device="cpu")


def test_a_tokenizer_with_more_tokens_than_the_encoder_knows_is_refused(tmp_path: Path) -> None:
    folder = tiny.own(tmp_path / "m")
    check_tokenizer(folder)
    rules = json.loads((folder / "tokenizer.json").read_text())
    rules["model"]["vocab"]["further"] = len(rules["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(rules))
    with pytest.raises(CheckpointError, match="do not belong together"):
        check_tokenizer(folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match="cannot load the tokenizer"):
        check_tokenizer(folder)


def test_a_classifier_without_weights_still_embeds(tmp_path: Path) -> None:
    folder = tiny.token_classifier(tmp_path / "m")
    weights = {k: v for k, v in load_file(folder / "model.safetensors").items() if not k.startswith("classifier.")}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with Replica({"embed": resolve(str(folder), "embed")}, device="cpu") as replica:
        assert replica.annotate(["fever"])["embed"][0]
