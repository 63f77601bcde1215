#!/usr/bin/env python3
"""Rows of imported models beside sentence-transformers', line by line.

    check_families.py EMS TEXT...                  random weights of every family, odd sizes, all poolings
    check_families.py EMS TEXT... --source FOLDER  a model as it was published
    ... --lines 40                                 fewer lines

TEXT are plain texts, one sentence a line, best in many languages: 500 lines are drawn from all of them, and empty lines and lines
of about 600 tokens are added. The tokenizers of the random models are trained on the texts. Prints the largest relative distance
of a row; exits with 1 if one is above 1e-5. Needs torch, transformers, sentence-transformers, tokenizers.
"""
import argparse, json, os, random, subprocess, sys, tempfile

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (BertConfig, BertModel, DistilBertConfig, DistilBertModel, M2M100Config, PreTrainedTokenizerFast,
                          RobertaConfig, RobertaModel, XLMRobertaConfig, XLMRobertaModel)
from transformers.models.m2m_100.modeling_m2m_100 import M2M100Encoder

arguments = argparse.ArgumentParser()
arguments.add_argument("ems")
arguments.add_argument("texts", nargs="+")
arguments.add_argument("--source", help="a sentence-transformers folder instead of random weights")
arguments.add_argument("--lines", type=int, default=500)
arguments = arguments.parse_args()
random.seed(1)
torch.manual_seed(1)
torch.set_grad_enabled(False)

pool = []
for path in arguments.texts:
    with open(path, encoding="utf-8") as f:
        lines = [line.rstrip("\n") for line in f]
    pool += random.sample(lines, min(len(lines), max(1, 2000 // len(arguments.texts))))
random.shuffle(pool)
lines = pool[:arguments.lines]
lines += ["", " ", " ".join(pool[:150]), " ".join(pool[150:300]), "a", "  spaces  around  ", ""]
work = tempfile.mkdtemp()
with open(f"{work}/text", "w", encoding="utf-8") as f:
    f.writelines(line + "\n" for line in lines)


def compare(name, folder, prompt=None):
    """`ems` beside sentence-transformers on the same folder."""
    reference = SentenceTransformer(folder, device="cpu")
    reference.eval()
    expected = reference.encode(lines, batch_size=16, convert_to_numpy=True, prompt_name=prompt).astype(np.float64)
    model, rows = f"{work}/model", f"{work}/rows.npy"
    subprocess.run([arguments.ems, "model", "import", folder, "--output", model, "--replace", "--quiet"], check=True)
    extra = ["--prompt", prompt] if prompt else []
    subprocess.run([arguments.ems, "encode", f"{work}/text", "--model", model, "--output", rows, "--quiet"] + extra, check=True)
    found = np.load(rows).astype(np.float64)
    distance = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    worst = int(distance.argmax())
    print(f"{name}: largest distance {distance.max():.2e} (line {worst}), mean {distance.mean():.2e}", flush=True)
    return distance.max() <= 1e-5


if arguments.source:
    prompts = json.load(open(f"{arguments.source}/config_sentence_transformers.json")).get("prompts", {}) \
        if os.path.exists(f"{arguments.source}/config_sentence_transformers.json") else {}
    good = [compare(arguments.source, arguments.source)] + [
        compare(f"{arguments.source}, {p}", arguments.source, p) for p in prompts if prompts[p]]
    sys.exit(0 if all(good) else 1)


def tokenizer(kind):
    """A tokenizer of a kind, trained on the texts; ids 0 to 3 are <s>, <pad>, </s>, <unk>."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    if kind == "wordpiece":
        made = Tokenizer(models.WordPiece(unk_token="<unk>"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.train_from_iterator(pool, trainers.WordPieceTrainer(vocab_size=3001, special_tokens=special, show_progress=False))
    elif kind == "unigram":
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.train_from_iterator(
            pool, trainers.UnigramTrainer(vocab_size=3001, special_tokens=special, unk_token="<unk>", show_progress=False))
    else:
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.train_from_iterator(pool, trainers.BpeTrainer(
            vocab_size=3001, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", unk_token="<unk>",
        pad_token="<pad>", model_max_length=510)


def sizes(vocabulary, **more):
    return dict(hidden_size=60, num_hidden_layers=3, num_attention_heads=5, intermediate_size=101, vocab_size=vocabulary,
                pad_token_id=1, **more)


good = []
tokenizers = {kind: tokenizer(kind) for kind in ("wordpiece", "unigram", "bpe")}
families = [
    ("bert", "wordpiece", lambda v: BertModel(BertConfig(**sizes(v), max_position_embeddings=512))),
    ("xlm-roberta", "unigram", lambda v: XLMRobertaModel(XLMRobertaConfig(
        **sizes(v), max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, hidden_act="gelu_new"))),
    ("roberta", "bpe", lambda v: RobertaModel(RobertaConfig(
        **sizes(v), max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, hidden_act="relu"))),
    ("distilbert", "wordpiece", lambda v: DistilBertModel(DistilBertConfig(
        dim=60, n_layers=3, n_heads=5, hidden_dim=101, vocab_size=v, max_position_embeddings=512, pad_token_id=1))),
    ("m2m_100", "unigram", lambda v: M2M100Encoder(M2M100Config(
        d_model=60, encoder_layers=3, encoder_attention_heads=5, encoder_ffn_dim=101, vocab_size=v,
        max_position_embeddings=1024))),
]
ways = ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken", ["cls", "mean"]]
for family, kind, make in families:
    model = make(len(tokenizers[kind])).eval()
    for name, p in model.named_parameters():
        p.normal_(0, 0.15)
        if "norm" in name.lower() and name.endswith("weight"):
            p.add_(1)
    base = f"{work}/{family}"
    model.save_pretrained(base)
    tokenizers[kind].save_pretrained(base)
    for i, way in enumerate(ways):
        modules = [Transformer(base), Pooling(60, way)]
        if i % 2 == 1:
            modules.append(Dense(modules[-1].get_embedding_dimension(), 37, activation_function=torch.nn.Tanh()))
        if i % 3 == 0:
            modules.append(Normalize())
        folder = f"{work}/{family}-{i}"
        SentenceTransformer(modules=modules, prompts={"query": "query: "}).save(folder)
        good.append(compare(f"{family}, {way}", folder, "query" if i == 2 else None))
sys.exit(0 if all(good) else 1)
