"""Sentence embeddings by plain formulas in double precision: what `ems encode` is compared with. One row an input line.

Every line is stripped, lower-cased if the model says so, cut into SentencePiece ids and truncated; an empty one becomes [1].
Sentences of one length are computed together, so nothing is ever padded and masks cannot be wrong.

examples:
  reference_encode.py --model MODEL_DIR --input text.txt --output x.npy
  reference_encode.py --checkpoint EMS_model.pt --spm 62languages.model --heads 16 --input text.txt --output x.npy
"""
import argparse, json, os, sys
from collections import defaultdict
import numpy as np, sentencepiece, torch
import ems_oracle as ems


def read_model(folder):
    from safetensors.torch import load_file
    c = json.load(open(os.path.join(folder, "config.json")))
    if c.get("hidden_act", "swish") != "swish" or c.get("pooling", "mean") not in ("mean", "weighted"):
        sys.exit("only hidden_act swish and pooling mean or weighted are known")
    p = load_file(os.path.join(folder, "model.safetensors"))
    layers = {k.split(".")[4] for k in p if k.startswith("model.bert.encoder.layer.")}
    found = {"num_hidden_layers": len(layers), "hidden_size": p[ems.WORD].shape[1], "vocab_size": p[ems.WORD].shape[0],
             "max_position_embeddings": p[ems.POSITION].shape[0] - 1}
    if layers:
        found["intermediate_size"] = p[ems.ENC.format(0) + "intermediate.dense.weight"].shape[0]
    if (c.get("pooling") == "weighted") != (ems.POOLING in p):
        sys.exit(f"config.json says pooling {c.get('pooling')}, the tensors say otherwise")
    if c.get("projection_size"):
        sys.exit("models that answer in a teacher's space are not known")
    for k, n in found.items():
        if k in c and c[k] != n:
            sys.exit(f"config.json says {k} = {c[k]}, the tensors say {n}")
    return p, os.path.join(folder, "sentencepiece.model"), c["num_attention_heads"], c.get("lowercase", True), c.get("layer_norm_eps", 1e-12)


def read_checkpoint(path):
    """A bare state dict, or a training checkpoint that holds one (with DistributedDataParallel's `module.` before each name)."""
    p = torch.load(path, map_location="cpu", weights_only=True)
    p = p.get("state_dict", p)
    p = {k.removeprefix("module."): x for k, x in p.items()}
    return {k.replace("model.decoder.transform.", "model.transform."): x for k, x in p.items()}  # an older name for the same part


def embed(p, ids, heads, eps, tokens):
    by_length = defaultdict(list)
    for row, s in enumerate(ids):
        by_length[len(s)].append(row)
    out = np.empty((len(ids), p[ems.WORD].shape[1]), p[ems.WORD].numpy().dtype)
    done = 0
    for n, rows in sorted(by_length.items()):
        step = max(1, tokens // n)
        for i in range(0, len(rows), step):
            part = rows[i:i + step]
            out[part] = ems.encode(p, torch.tensor([ids[r] for r in part]), torch.full((len(part),), n), heads, eps).numpy()
            done += len(part)
            if sys.stderr.isatty():
                print(f"\r{done} of {len(ids)}", end="", file=sys.stderr)
    return out


a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
source = a.add_mutually_exclusive_group(required=True)
source.add_argument("--model", help="model folder: config.json, model.safetensors, sentencepiece.model")
source.add_argument("--checkpoint", help="torch checkpoint in the released layout; needs --spm and --heads")
a.add_argument("--spm"); a.add_argument("--heads", type=int)
a.add_argument("--no-lowercase", action="store_true", help="with --checkpoint: keep case (the released model lowers)")
a.add_argument("--input", required=True, help="text, UTF-8")
a.add_argument("--output", required=True, help=".npy")
a.add_argument("--ids", help="also write the token ids, one line a sentence")
a.add_argument("--double", action="store_true", help="write float64 rows; without it the float64 result is rounded to float32")
a.add_argument("--single", action="store_true", help="compute in float32, to see the rounding level of an honest float32 encoder")
a.add_argument("--limit", type=int, help="only the first lines")
a.add_argument("--tokens", type=int, default=4096, help="tokens computed together")
a.add_argument("--threads", type=int, default=2)
a = a.parse_args()
torch.set_num_threads(a.threads)
if a.model:
    p, spm, heads, lower, eps = read_model(a.model)
else:
    if not (a.spm and a.heads):
        sys.exit("--checkpoint needs --spm and --heads: neither stands in the file")
    p, spm, heads, lower, eps = read_checkpoint(a.checkpoint), a.spm, a.heads, not a.no_lowercase, 1e-12
p = {k: x.to(torch.float32 if a.single else torch.float64) for k, x in p.items() if k.startswith("model.bert.") or k == ems.POOLING}
cut = len(p[ems.POSITION]) - 1
tokenizer = sentencepiece.SentencePieceProcessor(model_file=spm)
if tokenizer.get_piece_size() > len(p[ems.WORD]):
    sys.exit(f"the tokenizer has {tokenizer.get_piece_size()} pieces, the embedding table {len(p[ems.WORD])} rows")
# newline="\n": only a line feed ends a row; a lone carriage return or a Unicode line separator belongs to the text.
with open(a.input, encoding="utf-8", errors="replace", newline="\n") as f:
    lines = [line.strip() for line in f][:a.limit]
ids = [tokenizer.encode(line.lower() if lower else line)[:cut] or [1] for line in lines]
if a.ids:
    with open(a.ids, "w") as f:
        f.writelines(" ".join(map(str, s)) + "\n" for s in ids)
with torch.inference_mode():
    x = embed(p, ids, heads, eps, a.tokens)
x = x.astype(np.float64 if a.double else np.float32)
with open(a.output, "wb") as f:  # an open file, as np.save would add ".npy" to a name without it
    np.save(f, x)
print(f"{len(x)} rows of {x.shape[1]}, {x.dtype}, {sum(map(len, ids))} tokens, {sum(s == [1] for s in ids)} empty or unknown, "
      f"{sum(len(s) == cut for s in ids)} of full length {cut}", file=sys.stderr)
