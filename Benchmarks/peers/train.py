#!/usr/bin/env python3
"""The training step in plain PyTorch: PyTorch's TransformerEncoder, the words of the other side from the sentence's vector and its
language, in-batch contrast of a projection, Adam with AMSGrad; random ids. Prints one JSON object.
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

PROJECTION = 128


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, language = c["hidden_size"], c.get("language_size", 128)
        self.words = nn.Embedding(c["vocab_size"], width)
        self.places = nn.Embedding(c["max_position_embeddings"], width)
        layer = nn.TransformerEncoderLayer(
            width, c["num_attention_heads"], c["intermediate_size"], 0.1, F.silu, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, c["num_hidden_layers"], enable_nested_tensor=False)
        self.languages = nn.Embedding(len(c["languages"]), language)
        self.inner, self.output = nn.Linear(width + language, width + language), nn.Linear(width + language, c["vocab_size"])
        self.projection = nn.Linear(width, PROJECTION)

    def forward(self, ids, padding):
        y = self.encoder(self.words(ids) + self.places(torch.arange(ids.shape[1])), src_key_padding_mask=padding)
        return y.masked_fill(padding[..., None], 0).sum(1) / (~padding).sum(1, keepdim=True)

    def reconstruction(self, vectors, languages, others, padding):
        """How badly the words of the other side are told from the vector."""
        hidden = F.silu(self.inner(torch.cat([vectors, self.languages(languages)], 1)))
        shares = F.log_softmax(self.output(hidden), 1).gather(1, others).masked_fill(padding, 0)
        return -(shares.sum(1) / (~padding).sum(1)).mean()


def sentences(count, c, generator):
    lengths = torch.exp(3.1 + 0.55 * torch.randn(count, generator=generator)).long().clamp(3, c["max_position_embeddings"])
    ids = torch.randint(4, c["vocab_size"], (count, int(lengths.max())), generator=generator)
    return ids, torch.arange(ids.shape[1])[None] >= lengths[:, None]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="a config.json of ems")
    parser.add_argument("pairs", type=int)
    parser.add_argument("steps", type=int)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with open(arguments.config, encoding="utf-8") as file:
        c = json.load(file)
    generator = torch.Generator().manual_seed(1)
    model = Model(c)
    optimizer = torch.optim.Adam(model.parameters(), 3e-4, weight_decay=1e-5, amsgrad=True)
    times = []
    for _ in range(arguments.steps):
        sides = [sentences(arguments.pairs, c, generator) for _ in range(2)]
        languages = torch.randint(len(c["languages"]), (2, arguments.pairs), generator=generator)
        start = time.perf_counter()
        optimizer.zero_grad()
        a, b = (model(*side) for side in sides)
        loss = model.reconstruction(a, languages[1], *sides[1]) + model.reconstruction(b, languages[0], *sides[0])
        scores = F.normalize(model.projection(a)) @ F.normalize(model.projection(b)).T * 20
        own = torch.arange(arguments.pairs)
        (loss + F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    # The first step makes what the others find.
    seconds = statistics.median(times[1:] or times)
    print(json.dumps({"peer": f"PyTorch {torch.__version__}", "value": arguments.pairs / seconds}))


if __name__ == "__main__":
    main()
