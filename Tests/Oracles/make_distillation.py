#!/usr/bin/env python3
"""The fixture of distillation: parameters, a batch, a teacher's rows, and what PyTorch makes of them in double precision.

    make_distillation.py Tests/TrainTests/Fixtures/distillation.safetensors

A student of one post-norm layer, mean weighted by a number a piece, a linear head to the teacher's width. For each of the
ways `cosine` (both sides, ranking 0.7 at temperature 0.1) and `mse` (both sides): the loss and every gradient. Written from
the formulas, not from our code. Needs torch, numpy and safetensors.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
V, D, H, FF, P, T, B = 23, 12, 3, 20, 7, 17, 5
EPS = 1e-12


def normal(*shape):
    return (0.4 * torch.randn(*shape)).requires_grad_()


layer = "model.bert.encoder.layer.0."
p = {
    "model.bert.embedding.word_embedding.embedding.weight": normal(V, D),
    "model.bert.embedding.position_embedding.position_embeddings.weight": normal(P + 1, D),
    "model.pooling.weight": normal(V),
    "projection.weight": normal(T, D),
    "projection.bias": normal(T),
}
norms = ["model.bert.embedding.layer_norm", layer + "attention.output.LayerNorm", layer + "output.LayerNorm"]
for name in norms:
    p[name + ".weight"] = (1 + 0.2 * torch.randn(D)).requires_grad_()
    p[name + ".bias"] = normal(D)
linears = {f"attention.self_attention.{x}": (D, D) for x in ("query", "key", "value")}
linears |= {"attention.output.dense": (D, D), "intermediate.dense": (FF, D), "output.dense": (D, FF)}
for name, shape in linears.items():
    p[layer + name + ".weight"] = normal(*shape)
    p[layer + name + ".bias"] = normal(shape[0])


def linear(name, x):
    return x @ p[name + ".weight"].T + p[name + ".bias"]


def norm(name, x):
    return F.layer_norm(x, (D,), p[name + ".weight"], p[name + ".bias"], EPS)


def embed(ids):
    ids = torch.tensor(ids)
    x = p["model.bert.embedding.word_embedding.embedding.weight"][ids]
    x = x + p["model.bert.embedding.position_embedding.position_embeddings.weight"][1 : len(ids) + 1]
    x = norm(norms[0], x)
    q, k, v = (linear(f"{layer}attention.self_attention.{n}", x).view(-1, H, D // H).transpose(0, 1) for n in ("query", "key", "value"))
    a = torch.softmax(q @ k.transpose(1, 2) / (D // H) ** 0.5, -1) @ v
    a = a.transpose(0, 1).reshape(-1, D)
    h = norm(norms[1], x + linear(layer + "attention.output.dense", a))
    y = norm(norms[2], h + linear(layer + "output.dense", F.silu(linear(layer + "intermediate.dense", h))))
    weight = torch.softmax(p["model.pooling.weight"][ids], 0)
    return linear("projection", weight @ y)


random = np.random.default_rng(3)
sentences = [random.integers(1, V, n).tolist() for n in (1, 4, 7, 3, 5, 2, 6, 1, 5, 7)]
teacher = torch.tensor(random.normal(size=(B, T)))
out = {f"init/{name}": value.detach().numpy().astype(np.float32) for name, value in p.items()}
out["ids"] = np.concatenate([np.array(s, np.int32) for s in sentences])
out["lengths"] = np.array([len(s) for s in sentences], np.int32)
out["teacher"] = teacher.numpy().astype(np.float32)
# The parameters as they are stored.
for name, value in p.items():
    value.data = torch.tensor(out[f"init/{name}"].astype(np.float64))
teacher = torch.tensor(out["teacher"].astype(np.float64))
for way in ("cosine", "mse"):
    rows = torch.stack([embed(s) for s in sentences])
    source, target = rows[:B], rows[B:]
    if way == "cosine":
        loss = (1 - F.cosine_similarity(source, teacher)).mean() + (1 - F.cosine_similarity(target, teacher)).mean()
        scores = F.normalize(source, dim=1) @ F.normalize(teacher, dim=1).T / 0.1
        loss = loss + 0.7 * F.cross_entropy(scores, torch.arange(B))
    else:
        loss = F.mse_loss(source, teacher) + F.mse_loss(target, teacher)
    gradients = torch.autograd.grad(loss, list(p.values()))
    out[f"{way}/loss"] = np.array([loss.item()], np.float32)
    for name, gradient in zip(p, gradients):
        out[f"{way}/grad/{name}"] = gradient.numpy().astype(np.float32)
save_file(out, sys.argv[1])
