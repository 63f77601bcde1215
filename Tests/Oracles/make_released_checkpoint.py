"""A torch checkpoint with random weights in the released model's layout, for testing conversion without the 0.8 GB file.

Layouts: `plain` is the state dict alone. `training` is what the public training script saves and its encoder reads back: a dict
of epoch, step, model_name, state_dict (every name after "module.", from DistributedDataParallel), best_loss, optimizer, valid_loss.

examples:
  make_released_checkpoint.py --layers 2 --hidden 128 --ffn 256 --spm 62languages.model --output small.pt
  make_released_checkpoint.py --layers 2 --hidden 128 --ffn 256 --spm 62languages.model --layout training --optimizer --half --output t.pt
  make_released_checkpoint.py --layers 6 --hidden 1024 --ffn 4096 --vocab 60000 --count     # parameters only, writes nothing
"""
import argparse, math, os, sys
from collections import OrderedDict
import torch
import ems_oracle as ems


def draw(name, shape, g):
    """Scaled by fan-in, so that attention and feed-forward do real work at every width; biases and norms off 0 and 1."""
    x = torch.randn(shape, generator=g)
    if ems.is_norm(name):
        return 0.1 * x + name.endswith("weight")
    if "embedding" in name:
        return x * 0.05
    return x * (1 / math.sqrt(shape[1]) if len(shape) == 2 else 0.1)


def like_module(state):
    """nn.Module.state_dict() hangs the modules' version numbers on its OrderedDict; they reach the pickle, so readers meet them."""
    state._metadata = OrderedDict({"": {"version": 1}})
    for name in state:
        parts = name.split(".")[:-1]
        for i in range(len(parts)):
            state._metadata.setdefault(".".join(parts[:i + 1]), {"version": 1})
    return state


def optimizer_state(state):
    """Adam with AMSGrad after some steps: three more tensors a parameter, under integer keys."""
    p = [torch.nn.Parameter(x.clone()) for x in state.values()]
    optimizer = torch.optim.Adam(p, lr=3e-4, weight_decay=1e-5, amsgrad=True)
    for x in p:
        x.grad = torch.full_like(x, 1e-3)
    optimizer.step()
    return optimizer.state_dict()


a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
a.add_argument("--layers", type=int, required=True); a.add_argument("--hidden", type=int, required=True)
a.add_argument("--ffn", type=int, help="default 4 x hidden")
a.add_argument("--vocab", type=int, help="default: the pieces of --spm")
a.add_argument("--spm", help="SentencePiece model, read for its number of pieces only")
a.add_argument("--languages", type=int, default=62); a.add_argument("--language-dim", type=int, default=128)
a.add_argument("--max-len", type=int, default=120); a.add_argument("--seed", type=int, default=1)
a.add_argument("--half", action="store_true", help="float16 tensors")
a.add_argument("--layout", choices=["plain", "training"], default="plain")
a.add_argument("--optimizer", action="store_true", help="with --layout training: the optimiser's state too (four times the size)")
a.add_argument("--old-names", action="store_true", help="model.decoder.transform.* for model.transform.*, which the public encoder accepts")
a.add_argument("--location", default="cpu", help='device written beside each storage; a file saved on a GPU says "cuda:0"')
a.add_argument("--count", action="store_true", help="print the number of parameters and stop")
a.add_argument("--output")
a = a.parse_args()
if a.optimizer and a.layout != "training":
    sys.exit("--optimizer needs --layout training")
if not a.vocab:
    if not a.spm:
        sys.exit("give --spm or --vocab")
    import sentencepiece
    a.vocab = sentencepiece.SentencePieceProcessor(model_file=a.spm).get_piece_size()
shapes = ems.parameter_shapes({"num_layers": a.layers, "hidden": a.hidden, "ffn": a.ffn or 4 * a.hidden, "vocab": a.vocab,
                               "languages": a.languages, "language_dim": a.language_dim, "max_len": a.max_len})
encoder = sum(math.prod(s) for k, s in shapes.items() if k.startswith("model.bert."))
print(f"{len(shapes)} tensors, {sum(map(math.prod, shapes.values()))} parameters, {encoder} of them in the encoder")
if a.count:
    sys.exit()
if not a.output:
    sys.exit("give --output")
g = torch.Generator().manual_seed(a.seed)
state = OrderedDict((k, draw(k, s, g)) for k, s in shapes.items())
if a.half:
    state = OrderedDict((k, x.half()) for k, x in state.items())
if a.old_names:
    state = OrderedDict((k.replace("model.transform.", "model.decoder.transform."), x) for k, x in state.items())
if a.layout == "plain":
    saved = like_module(state)
else:
    saved = {"epoch": 2, "step": 12345, "model_name": "EMS", "state_dict": like_module(OrderedDict(("module." + k, x) for k, x in state.items())),
             "best_loss": 1.5, "optimizer": optimizer_state(state) if a.optimizer else {"state": {}, "param_groups": []}, "valid_loss": 1.5}
if a.location != "cpu":  # asked before torch's own taggers, whose first priority is 10
    torch.serialization.register_package(0, lambda storage: a.location, lambda storage, location: None)
torch.save(saved, a.output)
print(f"{a.output}: {os.path.getsize(a.output)} bytes")
