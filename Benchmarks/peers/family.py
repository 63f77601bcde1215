#!/usr/bin/env python3
"""Rows of a Hugging Face or sentence-transformers folder by CTranslate2, or by PyTorch where CTranslate2 does not know the
family. Prints one JSON object.

The peer gets token ids that are ready, in batches of sentences sorted by length; cutting into tokens, reading, and the pooling of
CTranslate2's rows are not in its time. `value` is tokens a second, `cpu_value` tokens a second of processor time.
"""
import argparse
import json
import tempfile
import time


def batches(ids, tokens):
    """Positions of sentences in batches of about as many tokens, padding counted, the longest first."""
    batch = []
    for i in sorted(range(len(ids)), key=lambda i: -len(ids[i])):
        if batch and len(ids[batch[0]]) * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(i)
    yield batch


def by_ctranslate2(folder, threads, compute):
    import ctranslate2
    from ctranslate2.converters import TransformersConverter

    with tempfile.TemporaryDirectory() as work:
        TransformersConverter(folder).convert(f"{work}/model", force=True)
        encoder = ctranslate2.Encoder(f"{work}/model", intra_threads=threads, compute_type=compute)
    return f"CTranslate2 {ctranslate2.__version__} {compute}", lambda ids: encoder.forward_batch(ids)


def by_pytorch(folder, threads):
    import torch
    import transformers

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    if hasattr(model, "encoder") and model.config.is_encoder_decoder:
        model = model.encoder

    def forward(ids):
        longest = max(map(len, ids))
        mask = torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in ids])
        x = torch.tensor([s + [model.config.pad_token_id] * (longest - len(s)) for s in ids])
        y = model(input_ids=x, attention_mask=mask).last_hidden_state
        return (y * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

    return f"PyTorch {torch.__version__}", forward


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("text")
    parser.add_argument("--engine", choices=["ct2", "ct2-int8", "torch"], default="ct2")
    parser.add_argument("--longest", type=int, required=True, help="tokens of the longest input")
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f"{arguments.folder}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(arguments.longest)
    with open(arguments.text, encoding="utf-8") as file:
        ids = [e.ids for e in tokenizer.encode_batch([line.rstrip("\n") for line in file])]
    if arguments.engine == "torch":
        name, forward = by_pytorch(arguments.folder, arguments.threads)
    else:
        compute = "float32" if arguments.engine == "ct2" else "int8"
        name, forward = by_ctranslate2(arguments.folder, arguments.threads, compute)
    forward([ids[0]])
    start, cpu = time.perf_counter(), time.process_time()
    for batch in batches(ids, 4096):
        forward([ids[i] for i in batch])
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    tokens = sum(map(len, ids))
    print(json.dumps({"peer": name, "value": tokens / seconds, "cpu_value": tokens / cpu}))


if __name__ == "__main__":
    main()
