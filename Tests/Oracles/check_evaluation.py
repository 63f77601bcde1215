"""Compares the figures of `ems evaluate` with an independent computation in NumPy on the same embeddings.

    check_evaluation.py EMS MODEL tatoeba DIR CODE...
    check_evaluation.py EMS MODEL retrieval SOURCE TARGET
    check_evaluation.py EMS MODEL matrix FOLDER SPLIT CODE...
    check_evaluation.py EMS MODEL bucc SOURCE TARGET GOLD [TEST_SOURCE TEST_TARGET]
    check_evaluation.py EMS MODEL xsim SOURCE TARGET KIND=FILE...
    check_evaluation.py EMS MODEL paracrawl SOURCE TARGET KEYS QUERIES
    check_evaluation.py EMS MODEL classify FOLDER LANGUAGE SEEDS TEST_LANGUAGE...
    check_evaluation.py EMS MODEL compare OLD_MODEL SOURCE TARGET
    check_evaluation.py EMS MODEL compare_bucc OLD_MODEL SOURCE TARGET GOLD

Embeddings come from `ems encode`, so that what is compared is the protocol. Products are made in double precision here, in
single precision there: a figure may differ where two cosines are equal to seven digits, and the number of such rows is
shown as `near ties`.
"""
import base64, json, os, subprocess, sys, tempfile
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


def bits(text, count):
    """Outcomes as ems packs them."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))[:count]


def weighted(answers, labels):
    """Precision, recall and F1 of every label, averaged by how often it is right: scikit-learn's average="weighted"."""
    tp = Counter(a for a, l in zip(answers, labels) if a == l)
    support, predicted = Counter(labels), Counter(answers)
    means = defaultdict(float)
    for label, n in support.items():
        p = tp[label] / predicted[label] if predicted[label] else 0
        r = tp[label] / n
        for name, value in (("precision", p), ("recall", r), ("f1", 2 * p * r / (p + r) if p + r else 0)):
            means[name] += value * n / len(labels)
    return means


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
        "xsim_error": 1 - np.mean(fm == index), "xsim_error_backward": 1 - np.mean(bm == index),
        "xsim_error_text": 1 - same(fm, target), "mteb_f1": weighted(f.tolist(), list(range(n)))["f1"],
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
    n = len(lines(source))
    for name, value in aligned(encode(source), encode(target), lines(source), lines(target)).items():
        show(name, ours[name], value, n)
        if name in ours["outcomes"]["hits"]:
            show(f"outcomes {name}", bits(ours["outcomes"]["hits"][name][0], n).mean(), value, n)


def matrix(folder, split, *codes):
    ours = run("evaluate", "retrieval", folder, "--split", split, "--languages", ",".join(codes), "--model", MODEL, "--json", "--quiet")
    x = {code: unit(encode(f"{folder}/{code}.{split}")) for code in codes}
    cells, errors = [], []
    print("matrix", " ".join(ours["languages"]))
    for i, a in enumerate(ours["languages"]):
        assert ours["accuracy"][i][i] is None and ours["xsim_error"][i][i] is None
        for j, b in enumerate(ours["languages"]):
            if i != j:
                s = x[a] @ x[b].T
                n = len(s)
                cells.append(np.mean(s.argmax(1) == np.arange(n)))
                errors.append(1 - np.mean(ratio_best(s, s.T) == np.arange(n)))
                show(f"{a} {b}", ours["accuracy"][i][j], cells[-1], n)
                show(f"{a} {b} xsim", ours["xsim_error"][i][j], errors[-1], n)
    show("mean", ours["mean"], np.mean(cells), 1)
    show("xsim_error_mean", ours["xsim_error_mean"], np.mean(errors), 1)


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
    best, correct, average, curve = (0, 0, 0, 0), 0, 0, []
    for i, (score, a, b) in enumerate(found):
        hit = (a, b) in right
        correct += hit
        average += hit * correct / (i + 1) / len(right)
        curve.append((correct / len(right), correct / (i + 1)))
        if correct:
            p, r = correct / (i + 1), correct / len(right)
            f = 2 * p * r / (p + r)
            if f > best[0]:
                following = found[min(i + 1, len(found) - 1)][0]
                best = (f, p, r, (score + following) / 2)
    print("bucc", len(found), "candidates")
    for name, value in zip(("f1", "precision", "recall", "threshold"), best):
        show(name, ours[name], value, len(gold))
    show("average_precision", ours["average_precision"], average, len(gold))
    step = max(1, len(curve) // 400)
    points = [p for i, p in enumerate(curve) if i % step == 0 or i == len(curve) - 1]
    print(f"  curve: {len(points)} points, largest difference {np.abs(np.array(points) - np.array(ours['curve'])).max():.3g}")
    o = ours["outcomes"]
    taken, correct = len(o["extracted"]), bits(o["correct"], len(o["extracted"])).sum()
    show("f1 from outcomes", ours["f1"], 2 * correct / (taken + len(o["gold"])), len(gold))

    row_s, row_t = {a: i for i, (a, _) in enumerate(sr)}, {b: i for i, (b, _) in enumerate(tr)}
    labels = [row_t[b] for _, b in gold]
    answers = [int(i) for i in top_large(sx[[row_s[a] for a, _ in gold]], tx, 1)[0][:, 0]]
    print("MTEB's bucc")
    for name, value in weighted(answers, labels).items():
        show(name, ours["mteb_bucc"][name], value, len(gold))
    if test_source:
        found = mine(test_source, test_target)[0]
        theirs = {(a, b) for score, a, b in found if score >= best[3]}
        mined = {tuple(line.split("\t")) for line in lines(f"{WORK}/pairs")}
        print(f"test pairs: ems {len(mined)}, numpy {len(theirs)}, common {len(mined & theirs)}")


def xsim(source, target, *altered):
    arguments = [part for item in altered for part in ("--altered", item)]
    ours = run("evaluate", "xsim", source, target, *arguments, "--model", MODEL, "--json", "--quiet")
    english, pool, origin = lines(target), [], []
    for item in altered:
        kind, path = item.split("=", 1)
        for i, line in enumerate(lines(path)):
            if line.strip(" ") and line != english[i]:
                pool.append(line), origin.append((i, kind))
    path = f"{WORK}/pool.txt"
    open(path, "w", encoding="utf-8").write("".join(line + "\n" for line in english + pool))
    s = unit(encode(source)) @ unit(encode(path)).T
    n = len(s)
    print(f"xsim++, {len(pool)} copies")
    show("xsim_error", ours["xsim_error"], 1 - np.mean(ratio_best(s[:, :n], s[:, :n].T) == np.arange(n)), n)
    found = ratio_best(s, s.T)
    errors = Counter()
    for i, j in enumerate(found):
        if i != j:
            errors[origin[j - n][1] if j >= n and origin[j - n][0] == i else "misaligned"] += 1
    show("xsimpp_error", ours["xsimpp_error"], sum(errors.values()) / n, n)
    show("misaligned", ours["misaligned"], errors["misaligned"] / n, n)
    for kind in ours["kinds"]:
        show(kind, ours["kinds"][kind], errors[kind] / n, n)


class SplitMix:
    """The generator that the protocols draw from, many numbers at a time."""

    def __init__(self, seed):
        self.state = seed

    def numbers(self, count):
        with np.errstate(over="ignore"):
            gamma = np.uint64(0x9E3779B97F4A7C15)
            z = np.uint64(self.state) + gamma * np.arange(1, count + 1, dtype=np.uint64)
            self.state = (self.state + 0x9E3779B97F4A7C15 * count) % 2**64
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            return z ^ (z >> np.uint64(31))

    def units(self, count):
        return (self.numbers(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def shuffle(self, values):
        values = list(values)
        draws = self.numbers(len(values) - 1).tolist()
        for i, draw in zip(range(len(values) - 1, 0, -1), draws):
            j = (draw * (i + 1)) >> 64
            values[i], values[j] = values[j], values[i]
        return values


def paracrawl(source, target, keys, queries):
    seed = 1
    ours = run("evaluate", "paracrawl", source, target, "--keys", keys, "--queries", queries, "--seed", seed, "--model", MODEL, "--json", "--quiet")
    a, b = lines(source), lines(target)
    seen_a, seen_b, rows = set(), set(), []
    for i, (x, y) in enumerate(zip(a, b)):
        if x not in seen_a and y not in seen_b:
            rows.append(i)
        seen_a.add(x), seen_b.add(y)
    random = SplitMix(seed)
    chosen = random.shuffle(rows)[: int(keys)]
    asked = random.shuffle(range(len(chosen)))[: int(queries)]
    x, y = unit(encode(source))[chosen], unit(encode(target))[chosen]
    print(f"paracrawl {len(asked)} of {len(chosen)}")
    for name, q, k in (("forward", x[asked], y), ("backward", y[asked], x)):
        # Blocks of keys, so that a large pool does not need gigabytes.
        blocks = [slice(i, i + 20_000) for i in range(0, len(k), 20_000)]
        near, near_k = np.full((len(q), 10), -np.inf), []
        for block in blocks:
            s = q @ k[block].T
            near = -np.sort(-np.concatenate([near, s], 1), axis=1)[:, :10]
            near_k.append(-np.sort(-s.T, axis=1)[:, :10])
        near_k = np.concatenate(near_k)
        means = {c: (near[:, :c].mean(1), near_k[:, :c].mean(1)) for c in (4, 10)}
        scores = {
            "cosine": lambda s, rows, keys: s,
            "csls": lambda s, rows, keys: 2 * s - means[10][0][rows] - means[10][1][keys],
            "margin": lambda s, rows, keys: s / ((means[4][0][rows] + means[4][1][keys]) / 2),
        }
        partner = np.array(asked)
        everyone = np.arange(len(q))
        rank = {kind: np.zeros(len(q), int) for kind in scores}
        own = {kind: score((q * k[partner]).sum(1), everyone, partner) for kind, score in scores.items()}
        for block in blocks:
            keys_here = np.arange(len(k))[block]
            s = q @ k[block].T
            for kind, score in scores.items():
                better = score(s, everyone[:, None], keys_here[None]) > own[kind][:, None]
                better &= keys_here[None] != partner[:, None]
                rank[kind] += better.sum(1)
        for kind in scores:
            for p in (1, 5, 10):
                show(f"{name} {kind} p{p}", ours[name][kind][f"p{p}"], np.mean(rank[kind] < p), len(asked))
                packed = ours["outcomes"]["hits"][f"{name}.{kind}.p{p}"][0]
                assert bits(packed, len(asked)).mean() == ours[name][kind][f"p{p}"]


def classify(folder, language, seeds, *languages):
    seeds = int(seeds)
    ours = run("evaluate", "classify", folder, "--language", language, "--languages", ",".join(languages), "--seeds", seeds, "--model", MODEL, "--json", "--quiet")

    def load(path):
        rows = [line.split("\t") for line in lines(path)][1:]
        text = f"{WORK}/{os.path.basename(path)}.txt"
        open(text, "w", encoding="utf-8").write("".join(row[2] + "\n" for row in rows))
        return encode(text).astype(np.float64), [row[1] for row in rows]

    train, labels = load(f"{folder}/{language}.train.tsv")
    names = sorted(set(labels))
    number = lambda values: np.array([names.index(v) for v in values])
    y = number(labels)
    dev, dev_labels = load(f"{folder}/{language}.dev.tsv")
    dev_y = number(dev_labels)
    tests = [(code, *load(f"{folder}/{code}.test.tsv")) for code in languages]
    sizes = [train.shape[1], 10, 8, len(names)]
    single = lambda value: np.float32(value).astype(np.float64)
    for run_number in range(seeds):
        random = SplitMix(1 + run_number)
        weights = []
        for i, o in zip(sizes, sizes[1:]):
            for shape in ((o, i), (o,)):
                weights.append(single((2 * random.units(int(np.prod(shape))) - 1) / np.sqrt(i)).reshape(shape))
        first, second = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
        step = 0

        def forward(x, w):
            h1 = np.tanh(x @ w[0].T + w[1])
            h2 = np.tanh(h1 @ w[2].T + w[3])
            return (h2 @ w[4].T + w[5]).argmax(1)

        best = (-1, 0, None)
        for epoch in range(1, 101):
            order = random.shuffle(range(len(y)))
            for start in range(0, len(y), 12):
                rows = order[start : start + 12]
                n = len(rows)
                draw = lambda width: np.where(random.units(n * width) < 0.2, 0, 1.25).reshape(n, width)
                m0 = draw(sizes[0])
                x0 = train[rows] * m0
                a1 = np.tanh(x0 @ weights[0].T + weights[1])
                m1 = draw(10)
                a2 = np.tanh((a1 * m1) @ weights[2].T + weights[3])
                m2 = draw(8)
                z = (a2 * m2) @ weights[4].T + weights[5]
                e = np.exp(z - z.max(1, keepdims=True))
                dz = e / e.sum(1, keepdims=True)
                dz[np.arange(n), y[rows]] -= 1
                dz /= n
                d2 = (dz @ weights[4]) * m2 * (1 - a2**2)
                d1 = (d2 @ weights[2]) * m1 * (1 - a1**2)
                gradients = [d1.T @ x0, d1.sum(0), d2.T @ (a1 * m1), d2.sum(0), dz.T @ (a2 * m2), dz.sum(0)]
                step += 1
                for w, g, m, v in zip(weights, gradients, first, second):
                    m += 0.1 * (g - m)
                    v += 0.001 * (g * g - v)
                    w -= 1e-3 / (1 - 0.9**step) * m / (np.sqrt(v) / np.sqrt(1 - 0.999**step) + 1e-8)
            reached = np.mean(forward(dev, weights) == dev_y)
            if reached >= best[0]:
                best = (reached, epoch, [w.copy() for w in weights])
        print(f"seed {1 + run_number}: epoch ems {ours['epochs'][run_number]}, numpy {best[1]}")
        show("dev", ours["dev"]["by_seed"][run_number], best[0], len(dev_y))
        for code, x, values in tests:
            hits = forward(x, best[2]) == number(values)
            theirs = ours["languages"][code]
            show(code, theirs["by_seed"][run_number], np.mean(hits), len(values))
            other = bits(theirs["outcomes"]["hits"]["accuracy"][run_number], len(values)) != hits
            print(f"  {code}: {other.sum()} documents with another outcome")


def close(name, test, old, new, difference, count):
    """One test of a comparison beside a bootstrap drawn one by one; the two differ by what 10,000 draws leave open."""
    random = np.random.default_rng(7)
    drawn = np.array([difference(random.integers(0, count, count)) for _ in range(10_000)])
    low, high = np.quantile(drawn, [0.025, 0.975])
    p = min(1, 2 * min(np.mean(drawn <= 1e-12), np.mean(drawn >= -1e-12)))
    print(
        f"  {name:20} difference {test['difference']:+.5f} ({new - old:+.5f})  interval {test['low']:+.5f} {test['high']:+.5f} "
        f"({low:+.5f} {high:+.5f})  p {test['bootstrap_p']:.4f} ({p:.4f})"
    )
    # Quantiles of counts move in steps of one.
    room = 0.15 * drawn.std() + 1.01 / count
    assert abs(test["difference"] - (new - old)) < 1e-9
    assert max(abs(test["low"] - low), abs(test["high"] - high)) < room
    assert abs(test["bootstrap_p"] - p) < 0.03


def both(old_model, *arguments):
    path = f"{WORK}/old.json"
    old = run("evaluate", *arguments, "--model", old_model, "--json", "--quiet")
    json.dump(old, open(path, "w"))
    new = run("evaluate", *arguments, "--model", MODEL, "--compare", path, "--json", "--quiet")
    return old, new, {test["name"]: test for test in new["comparison"]["tests"]}


def compare(old_model, source, target):
    old, new, tests = both(old_model, "retrieval", source, target)
    n = old["n"]
    print(f"comparison over {n} lines (numpy in brackets)")
    hits = lambda result, *names: np.mean([bits(result["outcomes"]["hits"][name][0], n) for name in names], axis=0)
    for name, parts in (("forward", ["forward"]), ("backward_margin", ["backward_margin"]), ("mean", ["forward", "backward"])):
        a, b = hits(old, *parts), hits(new, *parts)
        close(name, tests[name], a.mean(), b.mean(), lambda rows: (b - a)[rows].mean(), n)


def compare_bucc(old_model, source, target, gold_path):
    old, new, tests = both(old_model, "bucc", "--source", source, "--target", target, "--gold", gold_path)
    n = old["outcomes"]["n"]
    print(f"comparison over {n} source lines (numpy in brackets)")

    def columns(result):
        o = result["outcomes"]
        taken, correct = np.zeros(n), np.zeros(n)
        np.add.at(taken, o["extracted"], 1)
        np.add.at(correct, o["extracted"], bits(o["correct"], len(o["extracted"])))
        return taken, correct

    gold = np.bincount(old["outcomes"]["gold"], minlength=n)
    (ta, ca), (tb, cb) = columns(old), columns(new)
    f1 = lambda rows: 2 * cb[rows].sum() / (gold[rows].sum() + tb[rows].sum()) - 2 * ca[rows].sum() / (gold[rows].sum() + ta[rows].sum())
    recall = lambda rows: (cb[rows].sum() - ca[rows].sum()) / gold[rows].sum()
    close("f1", tests["f1"], old["f1"], new["f1"], f1, n)
    close("recall", tests["recall"], old["recall"], new["recall"], recall, n)


if __name__ == "__main__":
    globals()[sys.argv[3].replace("-", "_")](*sys.argv[4:])
    print(f"largest difference {WORST[0]:.3g}")
