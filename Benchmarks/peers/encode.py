#!/usr/bin/env python3
"""Encoding by PyTorch's own TransformerEncoder, of a model's sizes with random weights. Prints one JSON object.

The peer gets token ids that are ready and sorted by length; cutting into tokens and reading are not in its time.
"""
import argparse
import json
import time

import sentencepiece
import torch
from torch import nn


def batches(ids, tokens):
    """Sentences in batches of about as many tokens, the longest first."""
    batch = []
    for sentence in sorted(ids, key=len, reverse=True):
        if batch and len(batch[0]) * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(sentence)
    yield batch


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a model folder of ems")
    parser.add_argument("text")
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with open(f"{arguments.model}/config.json", encoding="utf-8") as file:
        c = json.load(file)
    pieces = sentencepiece.SentencePieceProcessor(model_file=f"{arguments.model}/sentencepiece.model")
    limit, width = c["max_position_embeddings"], c["hidden_size"]
    with open(arguments.text, encoding="utf-8") as file:
        ids = [pieces.encode(line.strip().lower())[:limit] or [1] for line in file]
    layer = nn.TransformerEncoderLayer(
        width, c["num_attention_heads"], c["intermediate_size"], 0.0, nn.functional.silu, batch_first=True)
    encoder = nn.TransformerEncoder(layer, c["num_hidden_layers"], enable_nested_tensor=False).eval()
    words, places = nn.Embedding(c["vocab_size"], width), nn.Embedding(limit, width)
    start = time.perf_counter()
    with torch.inference_mode():
        for batch in batches(ids, 4096):
            x = nn.utils.rnn.pad_sequence([torch.tensor(s) for s in batch], batch_first=True)
            padding = torch.arange(x.shape[1])[None] >= torch.tensor([len(s) for s in batch])[:, None]
            y = encoder(words(x) + places(torch.arange(x.shape[1])), src_key_padding_mask=padding)
            y.masked_fill(padding[..., None], 0).sum(1) / (~padding).sum(1, keepdim=True)
    seconds = time.perf_counter() - start
    print(json.dumps({"peer": f"PyTorch {torch.__version__}", "value": sum(map(len, ids)) / seconds}))


if __name__ == "__main__":
    main()
