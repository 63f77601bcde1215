"""Parity fixtures for the EMS training step: writes NAME.json and NAME.safetensors, or checks a pair that exists.

examples:
  make_golden.py --check ../shared/golden/tiny
  make_golden.py --check ../shared/golden/tiny --float32      # how far plain float32 lands from the fixture
  make_golden.py --output DIR --name micro --config '{"num_layers": 2, "hidden": 14, "heads": 2, "ffn": 23, "vocab": 53,
      "languages": 4, "language_dim": 5, "max_len": 11, "batch": 5}'

--check exits with 1 if anything differs by more than --tolerance.
"""
import argparse, json, math, os, sys
import numpy as np, torch
from safetensors.numpy import load_file, save_file
import ems_oracle as ems

STEPS = 4
OPTIMIZER = {"kind": "Adam, amsgrad, coupled L2 weight decay", "base_lr": 0.003, "betas": [0.9, 0.999], "eps": 1e-8,
             "weight_decay": 1e-5}
SCHEDULE = "lr(t) = base_lr * 0.5*(1+cos(pi*t/40)) * min(1,(t+1)/3), t = 0,1,..."
INPUTS = ("ids1", "len1", "ids2", "len2", "target_language1", "target_language2")
KEYS = ("num_layers", "hidden", "heads", "ffn", "vocab", "languages", "language_dim", "max_len", "batch")


def learning_rate(t, base):
    return base * 0.5 * (1 + math.cos(math.pi * t / 40)) * min(1, (t + 1) / 3)


def random_parameters(c, r):
    """Biases and norms are moved off 0 and 1 on purpose: a forgotten one must show."""
    def draw(name, shape):
        x = r.standard_normal(shape)
        if ems.is_norm(name):
            return 0.1 * x + name.endswith("weight")
        return x * (0.08 if name.endswith("weight") else 0.1)
    # Rounded to float32 before the run, so that a reader of the file starts from exactly the same numbers.
    return {k: draw(k, s).astype(np.float32) for k, s in ems.parameter_shapes(c).items()}


def random_batch(c, r, step):
    """Each step has a sentence of one token, one of full length, repeated tokens, and tokens that both sides share."""
    B, M = c["batch"], c["max_len"]
    n1, n2 = r.integers(1, M + 1, B), r.integers(1, M + 1, B)
    n1[0], n2[0] = 1, M
    if step == STEPS - 1:  # side 1 without a full-length sentence: a batch narrower than the position table
        n1 = np.minimum(n1, M - 2)
    if step == 1:
        n2[1], n1[1] = 1, M  # and the other way round
    sides = [[r.integers(2, c["vocab"], n) for n in side] for side in (n1, n2)]  # 0 is padding, 1 is unk
    for side in sides:
        longest = max(side, key=len)
        longest[1] = longest[0]
        longest[-1] = longest[0]
    if B > 2 and len(sides[0][2]):
        sides[0][2][:] = sides[0][2][0]  # one token over and over
        sides[1][2][0] = sides[0][2][0]
    b = {}
    for i, side in enumerate(sides, 1):
        lengths = [len(s) for s in side]
        b[f"ids{i}"] = np.stack([np.pad(s, (0, max(lengths) - len(s))) for s in side])
        b[f"len{i}"] = np.array(lengths)
        b[f"target_language{i}"] = r.integers(0, c["languages"], B)
    return {k: b[k].astype(np.int32) for k in INPUTS}


def run(c, tensors, optimizer, dtype=torch.float64):
    """From init/* and the steps' inputs to everything else of a fixture."""
    p = {k[5:]: torch.from_numpy(x).to(dtype).requires_grad_() for k, x in tensors.items() if k.startswith("init/")}
    adam = ems.Adam(p, optimizer["betas"], optimizer["eps"], optimizer["weight_decay"])
    out, rows = {}, []
    for t in range(STEPS):
        b = {k: torch.from_numpy(tensors[f"step{t}/{k}"]).long() for k in INPUTS}
        loss, x, a, u, v = ems.losses(p, b, c["heads"])
        grads = dict(zip(p, torch.autograd.grad(loss, list(p.values()))))
        lr = learning_rate(t, optimizer["base_lr"])
        rows.append({"lr": lr, "loss": loss.item(), "xtr_loss": x.item(), "alignment_loss": a.item()})
        out[f"step{t}/sentence_embedding1"], out[f"step{t}/sentence_embedding2"] = u, v
        if t == 0:
            out.update({"grad/" + k: g for k, g in grads.items()})
        adam.update(p, grads, lr)
    out.update({"after4/" + k: x for k, x in p.items()})
    return {k: x.detach().numpy() for k, x in out.items()}, rows


def make(args):
    c = json.loads(args.config)
    if set(c) != set(KEYS):
        sys.exit(f"--config needs exactly the keys {', '.join(KEYS)}")
    if c["hidden"] % c["heads"]:
        sys.exit("hidden must be a multiple of heads")
    c = {k: c[k] for k in KEYS}
    r = np.random.default_rng(args.seed)
    tensors = {"init/" + k: x for k, x in random_parameters(c, r).items()}
    for t in range(STEPS):
        tensors.update({f"step{t}/{k}": x for k, x in random_batch(c, r, t).items()})
    computed, rows = run(c, tensors, OPTIMIZER)
    tensors.update({k: x.astype(np.float32) for k, x in computed.items()})
    path = os.path.join(args.output, args.name)
    os.makedirs(args.output, exist_ok=True)
    save_file({k: np.ascontiguousarray(tensors[k]) for k in sorted(tensors)}, path + ".safetensors")
    os.chmod(path + ".safetensors", 0o644)  # safetensors writes 0600; the fixtures are for everyone
    with open(path + ".json", "w") as f:
        json.dump({**c, "steps": rows, "optimizer": OPTIMIZER, "schedule": SCHEDULE}, f, indent=1)
    sizes = [os.path.getsize(path + e) for e in (".json", ".safetensors")]
    print(f"{path}: {len(tensors)} tensors, {sum(sizes)} bytes, losses {' '.join('%.6f' % s['loss'] for s in rows)}")


def check(args):
    c, tensors = json.load(open(args.check + ".json")), load_file(args.check + ".safetensors")
    expected_shapes = {"init/" + k: s for k, s in ems.parameter_shapes(c).items()}
    found_shapes = {k: x.shape for k, x in tensors.items() if k.startswith("init/")}
    if expected_shapes != found_shapes:
        sys.exit(f"parameter names or shapes differ: {sorted(set(expected_shapes.items()) ^ set(found_shapes.items()))}")
    computed, rows = run(c, tensors, c["optimizer"], torch.float32 if args.float32 else torch.float64)
    worst = {}

    def note(group, difference, name):
        difference = float("inf") if math.isnan(difference) else difference  # NaN must not pass as small
        worst[group] = max(worst.get(group, (-1, "")), (float(difference), name))

    for t, (ours, theirs) in enumerate(zip(rows, c["steps"], strict=True)):
        for k in theirs:
            note("lr" if k == "lr" else "loss", abs(ours[k] - theirs[k]) / abs(theirs[k]), f"step{t}/{k}")
    for k, x in computed.items():
        y = tensors[k].astype(np.float64)
        size, difference = np.linalg.norm(y), np.linalg.norm(x - y)
        group = "embedding" if k.startswith("step") else k.split("/")[0]
        if size < 1e-6:  # a gradient that is zero but for rounding (the key bias: softmax ignores it) has no relative error
            note(group + ", zero but for rounding (absolute)", np.abs(x - y).max(), k)
        else:
            note(group, difference / size, k)
    for group, (difference, name) in worst.items():
        print(f"{group:45} {difference:.2e}  {name}")
    sys.exit(any(d > args.tolerance for d, _ in worst.values()))


a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
a.add_argument("--config", help="JSON with " + ", ".join(KEYS))
a.add_argument("--output", help="folder to write to")
a.add_argument("--name", help="file name without ending")
a.add_argument("--seed", type=int, default=1)
a.add_argument("--check", metavar="DIR/NAME", help="rerun an existing fixture and print the largest relative differences")
a.add_argument("--float32", action="store_true", help="with --check: compute in single precision")
a.add_argument("--tolerance", type=float, default=1e-6)
args = a.parse_args()
torch.set_num_threads(1)
if args.check:
    check(args)
elif args.config and args.output and args.name:
    make(args)
else:
    a.error("give --check, or --config, --output and --name")
