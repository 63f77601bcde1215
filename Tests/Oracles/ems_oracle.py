"""The arithmetic of EMS in a few functions over a dict {parameter name: tensor}: what our Swift code is checked against.

Written from design/ems-model.md only. Plain formulas rather than torch.nn modules, so that no default of a library module
(epsilon, weight initialisation, mask convention) can slip in unseen; `make_golden.py --check` proves them on a known fixture.
"""
import torch

ENC = "model.bert.encoder.layer.{}."
WORD = "model.bert.embedding.word_embedding.embedding.weight"
POSITION = "model.bert.embedding.position_embedding.position_embeddings.weight"
POOLING = "model.pooling.weight"
PROJECTION = 128  # output size of the contrastive head; the same for every model size


def parameter_shapes(c):
    """Names and shapes of all parameters, in the order in which a forward pass meets them."""
    d, f, z = c["hidden"], c["ffn"], c["hidden"] + c["language_dim"]
    shapes = {}

    def linear(name, n_out, n_in):
        shapes[name + ".weight"], shapes[name + ".bias"] = (n_out, n_in), (n_out,)

    def norm(name, n):
        shapes[name + ".weight"], shapes[name + ".bias"] = (n,), (n,)

    shapes[WORD] = (c["vocab"], d)
    shapes[POSITION] = (c["max_len"] + 1, d)  # row 0 belongs to padding
    norm("model.bert.embedding.layer_norm", d)
    for i in range(c["num_layers"]):
        p = ENC.format(i)
        for part in ("query", "key", "value"):
            linear(p + "attention.self_attention." + part, d, d)
        linear(p + "attention.output.dense", d, d)
        norm(p + "attention.output.LayerNorm", d)
        linear(p + "intermediate.dense", f, d)
        linear(p + "output.dense", d, f)
        norm(p + "output.LayerNorm", d)
    shapes["model.la_tag_linear.embedding.weight"] = (c["languages"], c["language_dim"])
    norm("model.la_tag_linear.layer_norm", c["language_dim"])
    linear("model.transform.dense", z, z)
    norm("model.transform.LayerNorm", z)
    shapes["model.decoder.decoder.weight"] = (c["vocab"], z)
    linear("alignproj.0", d, d)
    linear("alignproj.3", PROJECTION, d)
    return shapes


def is_norm(name):
    return ".layer_norm." in name or ".LayerNorm." in name


def linear(p, name, x):
    return x @ p[name + ".weight"].T + p[name + ".bias"]


def layer_norm(p, name, x, eps):
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).mean(-1, keepdim=True)  # population variance, eps under the root
    return centred / torch.sqrt(variance + eps) * p[name + ".weight"] + p[name + ".bias"]


def swish(x):
    return x * torch.sigmoid(x)


def encode(p, ids, lengths, heads, eps=1e-12):
    """ids: batch x T, filled up with zeros; lengths: batch. Returns one row a sentence."""
    batch, T = ids.shape
    real = torch.arange(T)[None] < lengths[:, None]
    # Positions count from 1. What a padding position holds never reaches a real token, so no care is taken of it.
    x = p[WORD][ids] + p[POSITION][1:T + 1]
    x = layer_norm(p, "model.bert.embedding.layer_norm", x, eps)
    d = x.shape[-1]

    def split(t):
        return t.view(batch, T, heads, d // heads).transpose(1, 2)

    layers = 1 + max((int(k.split(".")[4]) for k in p if k.startswith("model.bert.encoder.layer.")), default=-1)
    for i in range(layers):
        a, b = ENC.format(i) + "attention.", ENC.format(i)
        q, k, v = (split(linear(p, a + "self_attention." + n, x)) for n in ("query", "key", "value"))
        scores = q @ k.transpose(2, 3) / (d // heads) ** 0.5
        scores = scores.masked_fill(~real[:, None, None, :], float("-inf"))
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, T, d)
        x = layer_norm(p, a + "output.LayerNorm", x + linear(p, a + "output.dense", y), eps)
        y = linear(p, b + "output.dense", swish(linear(p, b + "intermediate.dense", x)))
        x = layer_norm(p, b + "output.LayerNorm", x + y, eps)
    if POOLING in p:
        # The mean weighted by exp of every piece's number.
        share = p[POOLING][ids].masked_fill(~real, float("-inf")).softmax(-1)
        u = (share[..., None] * x).sum(1)
    else:
        u = x.masked_fill(~real[..., None], 0).sum(1) / lengths[:, None]
    return u


def bag(ids, lengths, vocab, dtype):
    """1/n for every distinct token of a sentence of n tokens: repetitions do not add up, such a row sums to less than 1."""
    t = torch.zeros(len(ids), vocab, dtype=dtype)
    for row, s, n in zip(t, ids, lengths):
        row[s[:n].unique()] = 1 / n.to(dtype)
    return t


def xtr(p, u, language, other, other_lengths, eps=1e-12):
    """Reconstruct the other sentence's tokens from this sentence's embedding and the other's language."""
    e = layer_norm(p, "model.la_tag_linear.layer_norm", p["model.la_tag_linear.embedding.weight"][language], eps)
    z = torch.cat([e, u], 1)
    z = layer_norm(p, "model.transform.LayerNorm", swish(linear(p, "model.transform.dense", z)), eps)
    predicted = (z @ p["model.decoder.decoder.weight"].T).log_softmax(1)
    target = bag(other, other_lengths, predicted.shape[1], predicted.dtype)
    return (torch.xlogy(target, target) - target * predicted).sum() / len(u)  # xlogy: 0 log 0 = 0


def alignment(p, u, v, temperature=0.1):
    def project(x):
        x = linear(p, "alignproj.3", linear(p, "alignproj.0", x).relu())
        return x / x.norm(dim=1, keepdim=True)

    s = project(u) @ project(v).T / temperature
    return -(s.log_softmax(1).diagonal().mean() + s.log_softmax(0).diagonal().mean()) / 2


def losses(p, b, heads):
    """Of one batch (a dict with the fixture's names): total, XTR, alignment, and both sides' embeddings."""
    u, v = encode(p, b["ids1"], b["len1"], heads), encode(p, b["ids2"], b["len2"], heads)
    x = xtr(p, u, b["target_language1"], b["ids2"], b["len2"]) + xtr(p, v, b["target_language2"], b["ids1"], b["len1"])
    a = alignment(p, u, v)
    return x + 2 * a, x, a, u, v


class Adam:
    """Adam with AMSGrad and coupled (L2) weight decay; `t` counts updates from 1."""

    def __init__(self, p, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-5):
        self.betas, self.eps, self.decay, self.t = betas, eps, weight_decay, 0
        self.m, self.v, self.v_max = ({k: torch.zeros_like(x) for k, x in p.items()} for _ in range(3))

    @torch.no_grad()
    def update(self, p, grads, lr):
        self.t += 1
        b1, b2 = self.betas
        for k, x in p.items():
            g = grads[k] + self.decay * x  # coupled: the decay runs through both moments, even where the gradient is zero
            self.m[k] = b1 * self.m[k] + (1 - b1) * g
            self.v[k] = b2 * self.v[k] + (1 - b2) * g * g
            self.v_max[k] = torch.maximum(self.v_max[k], self.v[k])  # of the raw moment; bias correction comes after
            root = torch.sqrt(self.v_max[k] / (1 - b2 ** self.t))
            x -= lr / (1 - b1 ** self.t) * self.m[k] / (root + self.eps)
