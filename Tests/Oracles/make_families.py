#!/usr/bin/env python3
"""make_families.py OUT: tiny models of every family as others publish them, and the rows that PyTorch gives for given ids.

Makes the fixtures of FamilyTests (Tests/EncoderTests/Fixtures/families): random weights, odd sizes, every kind of weight file
(safetensors, shards, pickles; float32, float16, bfloat16), every pooling. Needs torch, transformers, sentence-transformers.
"""
import json, os, shutil, sys
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers.sentence_transformer.modules import Dense, Pooling
from transformers import (BertConfig, BertModel, DistilBertConfig, DistilBertModel, M2M100Config, RobertaConfig,
                          RobertaModel, XLMRobertaConfig, XLMRobertaModel)
from transformers.models.m2m_100.modeling_m2m_100 import M2M100Encoder

out = sys.argv[1]
V, D, H, F, L, P = 26, 12, 3, 10, 2, 15
torch.manual_seed(7)
random = torch.Generator().manual_seed(8)


def spread(model):
    """Weights far from their small starting values, so that a mistake shows in every row."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.normal_(0, 0.3)
            if "norm" in name.lower() and name.endswith("weight"):
                p.add_(1)


def sentences(longest):
    """One token, all lengths up to the longest, and several of equal length."""
    return [torch.randint(4, V, (n,), generator=random).tolist() for n in [1, longest, 3, 3, 2, longest - 1, 7, 5]]


def rows(model, ids, ways, dense=None, unit=False):
    """The reference: padded, with a mask, pooled by sentence-transformers' own module."""
    longest = max(map(len, ids))
    batch = torch.tensor([s + [model.config.pad_token_id] * (longest - len(s)) for s in ids])
    mask = torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in ids])
    with torch.no_grad():
        x = model(input_ids=batch, attention_mask=mask).last_hidden_state
        found = Pooling(x.shape[2], ways)({"token_embeddings": x, "attention_mask": mask})
        for layer in dense or []:
            found = layer(found)
    u = found["sentence_embedding"]
    return torch.nn.functional.normalize(u, dim=1) if unit else u


expected = {}


def keep(name, ids, u):
    expected[f"{name}.ids"] = torch.tensor([i for s in ids for i in s], dtype=torch.int32)
    expected[f"{name}.lengths"] = torch.tensor([len(s) for s in ids], dtype=torch.int32)
    expected[f"{name}.rows"] = u.contiguous().float()


def write(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, indent=1, sort_keys=True)
        f.write("\n")


def config(model, name, **more):
    values = json.loads(model.config.to_json_string(use_diff=True))
    values.update(more)
    write(f"{out}/{name}/config.json", values)


def modules(name, ways, dense=(), unit=False, path=""):
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling")]
    kinds += [(f"{i + 2}_Dense", "Dense") for i in range(len(dense))]
    if unit:
        kinds.append((f"{len(kinds)}_Normalize", "Normalize"))
    write(f"{out}/{name}/modules.json", [
        {"idx": i, "name": str(i), "path": p, "type": f"sentence_transformers.models.{k}"} for i, (p, k) in enumerate(kinds)])
    old = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
           "weightedmean": "weightedmean_tokens", "lasttoken": "lasttoken"}
    write(f"{out}/{name}/1_Pooling/config.json",
          {"word_embedding_dimension": D, **{f"pooling_mode_{k}": w in ways for w, k in old.items()}})
    for i, layer in enumerate(dense):
        folder = f"{out}/{name}/{i + 2}_Dense"
        write(f"{folder}/config.json", {
            "in_features": layer.in_features, "out_features": layer.out_features, "bias": layer.bias,
            "activation_function": "torch.nn.modules.activation." + type(layer.activation_function).__name__})
        save_file({k: v.contiguous() for k, v in layer.state_dict().items()}, f"{folder}/model.safetensors")


def state(model, kind, prefix=""):
    """The state dict in a type, and the model's own weights rounded to it."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.to(kind).float())
    return {prefix + k: v.to(kind).contiguous() for k, v in model.state_dict().items()}


shutil.rmtree(out, ignore_errors=True)
os.makedirs(out)

# BERT in two shards, two poolings side by side, a Dense layer with tanh, unit length, prompts, a licence.
model = BertModel(BertConfig(
    hidden_size=D, num_hidden_layers=L, num_attention_heads=H, intermediate_size=F, vocab_size=V,
    max_position_embeddings=P)).eval()
spread(model)
tensors = state(model, torch.float32)
names = sorted(tensors)
config(model, "bert")
ways, dense = ["cls", "mean"], [Dense(2 * D, 7, activation_function=torch.nn.Tanh())]
spread(dense[0])
modules("bert", ways, dense, unit=True)
os.makedirs(f"{out}/bert", exist_ok=True)
place = {}
for i, part in enumerate((names[:20], names[20:])):
    file = f"model-0000{i + 1}-of-00002.safetensors"
    save_file({n: tensors[n] for n in part}, f"{out}/bert/{file}")
    place.update({n: file for n in part})
write(f"{out}/bert/model.safetensors.index.json", {"metadata": {"total_size": 1}, "weight_map": place})
write(f"{out}/bert/config_sentence_transformers.json",
      {"__version__": {}, "prompts": {"query": "query: ", "passage": ""}, "default_prompt_name": "query",
       "similarity_fn_name": "cosine"})
write(f"{out}/bert/sentence_bert_config.json", {"max_seq_length": P - 2, "do_lower_case": True})
with open(f"{out}/bert/README.md", "w") as f:
    f.write("---\ntags:\n- sentence-transformers\nlicense: apache-2.0\n---\n# A tiny model\n")
ids = sentences(P - 2)
keep("bert", ids, rows(model, ids, ways, dense, unit=True))

# XLM-R in float16: positions from behind the padding, one token type, gelu by tanh; every pooling by itself.
model = XLMRobertaModel(XLMRobertaConfig(
    hidden_size=D, num_hidden_layers=L, num_attention_heads=H, intermediate_size=F, vocab_size=V,
    max_position_embeddings=P + 2, type_vocab_size=1, layer_norm_eps=1e-5, hidden_act="gelu_new", pad_token_id=1)).eval()
spread(model)
save_dir = f"{out}/xlm-roberta"
config(model, "xlm-roberta")
save_file(state(model, torch.float16, "roberta."), f"{save_dir}/model.safetensors")
ids = sentences(P)
for way in ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]:
    keep(f"xlm-roberta/{way}", ids, rows(model, ids, way))

# RoBERTa as a pickle, relu; old names of normalisations.
model = RobertaModel(RobertaConfig(
    hidden_size=D, num_hidden_layers=L, num_attention_heads=H, intermediate_size=F, vocab_size=V,
    max_position_embeddings=P + 2, type_vocab_size=1, layer_norm_eps=1e-5, hidden_act="relu", pad_token_id=1)).eval()
spread(model)
config(model, "roberta")
torch.save({n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): t
            for n, t in state(model, torch.float32).items()}, f"{out}/roberta/pytorch_model.bin")
ids = sentences(P)
keep("roberta", ids, rows(model, ids, "mean"))

# DistilBERT in bfloat16 with two Dense layers, one without bias.
model = DistilBertModel(DistilBertConfig(
    dim=D, n_layers=L, n_heads=H, hidden_dim=F, vocab_size=V, max_position_embeddings=P, activation="gelu")).eval()
spread(model)
config(model, "distilbert")
dense = [Dense(D, 9, bias=False, activation_function=torch.nn.GELU()), Dense(9, 20, activation_function=torch.nn.Tanh())]
for layer in dense:
    spread(layer)
modules("distilbert", ["mean"], dense)
save_file(state(model, torch.bfloat16, "distilbert."), f"{out}/distilbert/model.safetensors")
ids = sentences(P)
keep("distilbert", ids, rows(model, ids, "mean", dense))

# The encoder of M2M-100: normalises first, sinusoids, scaled words.
model = M2M100Encoder(M2M100Config(
    d_model=D, encoder_layers=L, encoder_attention_heads=H, encoder_ffn_dim=F, vocab_size=V,
    max_position_embeddings=P, decoder_layers=1, decoder_ffn_dim=4, decoder_attention_heads=1)).eval()
spread(model)
config(model, "m2m_100")
save_file(state(model, torch.float32), f"{out}/m2m_100/model.safetensors")
ids = sentences(P)
keep("m2m_100", ids, rows(model, ids, "mean"))


# LASER2: an LSTM in both directions, the largest of every element.
class Laser(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(V, 6, padding_idx=1)
        self.lstm = torch.nn.LSTM(6, 5, num_layers=3, bidirectional=True)


model = Laser().eval()
spread(model)
ids = sentences(P)
with torch.no_grad():
    u = torch.cat([
        model.lstm(model.embed_tokens(torch.tensor(s))[:, None])[0].max(dim=0)[0] for s in ids])
os.makedirs(f"{out}/laser2")
torch.save({"params": {"num_embeddings": V, "padding_idx": 1, "embed_dim": 6, "hidden_size": 5, "num_layers": 3,
                       "bidirectional": True, "left_pad": True, "padding_value": 0.0},
            "model": model.state_dict(), "dictionary": {"a": 4}}, f"{out}/laser2/laser2.pt")
keep("laser2", ids, u)

save_file(expected, f"{out}/expected.safetensors")
