"""Compares the figures of `ems evaluate` with an independent computation in NumPy on the same embeddings.

    check_evaluation.py EMS MODEL tatoeba DIR CODE...
    check_evaluation.py EMS MODEL retrieval SOURCE TARGET
    check_evaluation.py EMS MODEL bucc SOURCE TARGET GOLD [TEST_SOURCE TEST_TARGET]

Embeddings come from `ems encode`, so that what is compared is the protocol. Products are made in double precision here, in
single precision there: a figure may differ where two cosines are equal to seven digits, and the number of such rows is
shown as `near ties`.
"""
import json, os, subprocess, sys, tempfile
from collections import Counter, defaultdict
import numpy as np

EMS, MODEL = sys.argv[1:3]
WORK = tempfile.mkdtemp(prefix="check-evaluation-")
WORST = [0.0]


def run(*arguments):
    done = subprocess.run([EMS, *map(str, arguments)], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout) if done.stdout.strip() else None


def encode(path, ids=False):
    output = f"{WORK}/{abs(hash(path))}.npy"
    if not os.path.exists(output):
        run("encode", path, "--model", MODEL, "--language", "en", "--output", output, "--quiet", *(["--ids"] if ids else []))
    return np.load(output)


def unit(x):
    x = np.asarray(x, np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300)


def lines(path):
    return open(path, encoding="utf-8").read().split("\n")[:-1]


def top(s, k):
    """The k best of each row, best first, lower columns first among equals."""
    k = min(k, s.shape[1])
    return np.argsort(-s, axis=1, kind="stable")[:, :k]


def top_large(x, y, k, block=1000):
    k = min(k, len(y))
    ids, scores = [], []
    for i in range(0, len(x), block):
        s = x[i : i + block] @ y.T
        part = np.argpartition(-s, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(s, part, 1)
        order = np.lexsort((part, -values), axis=1)
        ids.append(np.take_along_axis(part, order, 1))
        scores.append(np.take_along_axis(values, order, 1))
    return np.concatenate(ids), np.concatenate(scores)


def show(name, ours, theirs, n):
    difference = abs(ours - theirs)
    WORST[0] = max(WORST[0], difference)
    print(f"  {name:24} ems {ours:.6f}  numpy {theirs:.6f}  {'equal' if difference < 1e-9 else f'differ by {difference * n:.2f} of {n}'}")


def ratio_best(s, st, k=4):
    """For each row the candidate with the best ratio margin."""
    near, near_t = top(s, k), top(st, k)
    mean = np.take_along_axis(s, near, 1).mean(1)
    mean_t = np.take_along_axis(st, near_t, 1).mean(1)
    values = np.take_along_axis(s, near, 1)
    margin = values / ((mean[:, None] + mean_t[near]) / 2)
    return near[np.arange(len(s)), margin.argmax(1)]


def aligned(x, y, source, target):
    s = unit(x) @ unit(y).T
    n = len(s)
    f, b = s.argmax(1), s.argmax(0)
    fm, bm = ratio_best(s, s.T), ratio_best(s.T, s)
    same = lambda found, text: np.mean([text[j] == text[i] for i, j in enumerate(found)])
    index = np.arange(n)
    ordered = np.sort(s, axis=1)
    print(f"  near ties: {int((ordered[:, -1] - ordered[:, -2] < 1e-6).sum())} of {n}")
    return {
        "forward": np.mean(f == index), "backward": np.mean(b == index), "forward_text": same(f, target),
        "backward_text": same(b, source), "forward_margin": np.mean(fm == index), "backward_margin": np.mean(bm == index),
        "forward_margin_text": same(fm, target), "backward_margin_text": same(bm, source),
        "xsim_error": 1 - np.mean(fm == index),
    }


def tatoeba(folder, *codes):
    ours = run("evaluate", "tatoeba", folder, "--model", MODEL, "--languages", ",".join(codes), "--json", "--quiet")
    means = []
    for code in codes:
        source, target = (f"{folder}/tatoeba.{code}-eng.{side}" for side in (code, "eng"))
        print(f"tatoeba {code}")
        theirs = aligned(encode(source), encode(target), lines(source), lines(target))
        for name, value in theirs.items():
            show(name, ours["languages"][code][name], value, len(lines(source)))
        means.append((theirs["forward"] + theirs["backward"]) / 2)
    show("mean", ours["mean"], np.mean(means), 1)


def retrieval(source, target):
    ours = run("evaluate", "retrieval", source, target, "--model", MODEL, "--json", "--quiet")
    print("retrieval")
    for name, value in aligned(encode(source), encode(target), lines(source), lines(target)).items():
        show(name, ours[name], value, len(lines(source)))


def mine(source, target):
    """LASER's way: unify, forward and backward bests by ratio margin of 4, greedy one to one. And what MTEB would find."""
    sides = []
    for path in (source, target):
        rows = [line.split("\t", 1) for line in lines(path)]
        first = {}
        for i, (_, text) in enumerate(rows):
            first.setdefault(text, i)
        counts = Counter(text for _, text in rows)
        keep = sorted(first.values())
        sides.append((rows, keep, counts, unit(encode(path, ids=True))))
    (sr, sk, sc, sx), (tr, tk, tc, tx) = sides
    x, y = sx[sk], tx[tk]
    fi, fs = top_large(x, y, 4)
    bi, bs = top_large(y, x, 4)
    mx, my = fs.mean(1), bs.mean(1)
    fm = fs / ((mx[:, None] + my[fi]) / 2)
    bm = bs / ((my[:, None] + mx[bi]) / 2)
    pairs = {}
    for i, j in enumerate(fm.argmax(1)):
        pairs[(i, int(fi[i, j]))] = fm[i, j]
    for i, j in enumerate(bm.argmax(1)):
        pairs.setdefault((int(bi[i, j]), i), bm[i, j])
    used_s, used_t, found = set(), set(), []
    for (i, j), score in sorted(pairs.items(), key=lambda item: (-item[1], item[0])):
        if i in used_s or j in used_t:
            continue
        used_s.add(i), used_t.add(j)
        a, b = sr[sk[i]], tr[tk[j]]
        if sc[a[1]] == 1 and tc[b[1]] == 1:
            found.append((score, a[0], b[0]))
    return found, sr, tr, sx, tx


def bucc(source, target, gold_path, test_source=None, test_target=None):
    arguments = ["evaluate", "bucc", "--source", source, "--target", target, "--gold", gold_path, "--model", MODEL, "--json", "--quiet"]
    if test_source:
        arguments += ["--test-source", test_source, "--test-target", test_target, "--output-pairs", f"{WORK}/pairs"]
    ours = run(*arguments)
    found, sr, tr, sx, tx = mine(source, target)
    gold = [tuple(line.split("\t")) for line in lines(gold_path)]
    right = set(gold)
    best, correct = (0, 0, 0, 0), 0
    for i, (score, a, b) in enumerate(found):
        correct += (a, b) in right
        if correct:
            p, r = correct / (i + 1), correct / len(right)
            f = 2 * p * r / (p + r)
            if f > best[0]:
                following = found[min(i + 1, len(found) - 1)][0]
                best = (f, p, r, (score + following) / 2)
    print("bucc", len(found), "candidates")
    for name, value in zip(("f1", "precision", "recall", "threshold"), best):
        show(name, ours[name], value, len(gold))

    row_s, row_t = {a: i for i, (a, _) in enumerate(sr)}, {b: i for i, (b, _) in enumerate(tr)}
    labels = [row_t[b] for _, b in gold]
    answers = [int(i) for i in top_large(sx[[row_s[a] for a, _ in gold]], tx, 1)[0][:, 0]]
    tp = Counter(a for a, l in zip(answers, labels) if a == l)
    support, predicted = Counter(labels), Counter(answers)
    weighted = defaultdict(float)
    for label, n in support.items():
        p = tp[label] / predicted[label] if predicted[label] else 0
        r = tp[label] / n
        for name, value in (("precision", p), ("recall", r), ("f1", 2 * p * r / (p + r) if p + r else 0)):
            weighted[name] += value * n / len(labels)
    print("MTEB's bucc")
    for name, value in weighted.items():
        show(name, ours["mteb_bucc"][name], value, len(gold))
    if test_source:
        found = mine(test_source, test_target)[0]
        theirs = {(a, b) for score, a, b in found if score >= best[3]}
        mined = {tuple(line.split("\t")) for line in lines(f"{WORK}/pairs")}
        print(f"test pairs: ems {len(mined)}, numpy {len(theirs)}, common {len(mined & theirs)}")


if __name__ == "__main__":
    globals()[sys.argv[3].replace("-", "_")](*sys.argv[4:])
    print(f"largest difference {WORST[0]:.3g}")
