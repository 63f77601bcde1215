"""How well `ems align` finds documents that belong together and the pairs of their sentences, on documents that are made of parallel
ones by merging, dropping and moving sentences.

    python3 Benchmarks/peers/align_documents.py FOLDER --kind pud|ntrex --pairs de-en,ru-en --model models/ems-mini [--ems EMS]
        [--seed 1] [--merge 0.1] [--drop 0.05] [--move 0.03] [--lonely 0.1]

FOLDER holds PUD as LANG.tsv.zst (`document TAB sentence id TAB sentence`), or NTREX-128 (newstest2019-ref.*.txt, DOCUMENT_IDS.tsv).
On each side, by chance: two sentences become one (--merge), a sentence is missing (--drop), two target sentences change places
(--move); a share of the documents is on one side only (--lonely). Target documents stand in another order and have other ids, so that
`--document-pairs found` must find which belong together; `ids` takes the right ones. Sentence F1 is strict: a pair counts if both of
its sides are those that were made. Documents of PUD have two sentences or three: those of eight are joined.
"""
import argparse
import json
import os
import random
import subprocess
import tempfile


def lines(path):
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout.decode().split("\n")
    return open(path, encoding="utf-8").read().split("\n")


def parallel(kind, folder, source, target):
    """Documents as lists of (source, target) sentences."""
    documents = {}
    if kind == "ntrex":
        names = {name.split(".")[1]: name for name in os.listdir(folder) if name.startswith("newstest2019-")}
        ids = lines(os.path.join(folder, "DOCUMENT_IDS.tsv"))
        sides = [lines(os.path.join(folder, names[code])) for code in (source, target)]
        for name, *pair in zip(ids, *sides):
            if name:
                documents.setdefault(name, []).append(tuple(pair))
        return list(documents.values())
    sides = []
    for code in (source, target):
        rows = [line.split("\t") for line in lines(os.path.join(folder, code + ".tsv.zst"))]
        sides.append({row[1]: row for row in rows if len(row) >= 3})
    for number, row in sides[0].items():
        if number in sides[1]:
            documents.setdefault(row[0], []).append((row[2].strip(), sides[1][number][2].strip()))
    parts = list(documents.values())
    return [sum(parts[i:i + 8], []) for i in range(0, len(parts), 8)]


def change(document, chance, options):
    """The sentences of both sides, and the pairs of their numbers that belong together."""
    places = [[i] for i in range(len(document))], [[i] for i in range(len(document))]
    for side in places:
        for groups in range(len(side) - 1, 0, -1):
            if chance.random() < options.merge and len(side[groups]) == 1 and len(side[groups - 1]) == 1:
                side[groups - 1] += side.pop(groups)
    kept = [[group for group in side if chance.random() >= options.drop] or side[:1] for side in places]
    target = kept[1]
    for i in range(len(target) - 1):
        if chance.random() < options.move:
            target[i], target[i + 1] = target[i + 1], target[i]
    texts = [[" ".join(document[k][s] for k in group) for group in side] for s, side in enumerate(kept)]
    # What belongs together: connected groups of both sides.
    gold, used = set(), set()
    for a in range(len(kept[0])):
        if a in used:
            continue
        left, right, grown = {a}, set(), True
        while grown:
            content = {k for i in left for k in kept[0][i]} | {k for j in right for k in kept[1][j]}
            more = ({i for i, g in enumerate(kept[0]) if content & set(g)}, {j for j, g in enumerate(kept[1]) if content & set(g)})
            grown = more != (left, right)
            left, right = more
        used |= left
        if right:
            gold.add((tuple(sorted(left)), tuple(sorted(right))))
    return texts, gold


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--kind", choices=["pud", "ntrex"], required=True)
    parser.add_argument("--pairs", required=True, help="source-target, comma-separated, by the names of the files")
    parser.add_argument("--model", default="models/ems-mini")
    parser.add_argument("--ems", default=".build/release/ems")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--merge", type=float, default=0.1)
    parser.add_argument("--drop", type=float, default=0.05)
    parser.add_argument("--move", type=float, default=0.03)
    parser.add_argument("--lonely", type=float, default=0.1)
    options = parser.parse_args()
    codes = {"eng": "en", "deu": "de", "fra": "fr", "rus": "ru", "zho-CN": "zh", "ces": "cs", "jpn": "ja", "arb": "ar", "tur": "tr",
             "fin": "fi", "spa": "es", "ita": "it", "por-BR": "pt"}
    for pair in options.pairs.split(","):
        source, target = pair.rsplit("-", 1) if not pair.startswith(("zho-CN", "por-BR")) else (pair[:6], pair[7:])
        chance = random.Random(options.seed)
        documents = parallel(options.kind, options.folder, source, target)
        made = [change(document, chance, options) for document in documents]
        alone = [chance.choice((0, 1)) if chance.random() < options.lonely else None for _ in made]
        order = list(range(len(made)))
        chance.shuffle(order)
        for how in ("ids", "found"):
            with tempfile.TemporaryDirectory() as work:
                numbers = [{}, {}]
                for side, sequence in ((0, range(len(made))), (1, order)):
                    row = 0
                    with open(os.path.join(work, f"{side}.tsv"), "w", encoding="utf-8") as file:
                        for d in sequence:
                            if alone[d] is not None and alone[d] != side:
                                continue
                            for k, text in enumerate(made[d][0][side]):
                                name = f"d{d}" if how == "ids" else f"{'st'[side]}{d}"
                                file.write(f"{name}:{k}\t{text}\n")
                                numbers[side][row] = (d, k)
                                row += 1
                out = os.path.join(work, "out")
                run = subprocess.run(
                    [options.ems, "align", os.path.join(work, "0.tsv"), os.path.join(work, "1.tsv"), "--ids", "--model", options.model,
                     "--source-language", codes.get(source, source), "--target-language", codes.get(target, target),
                     "--document-pairs", how, "--quiet", "--json", "--output", out], capture_output=True)
                if run.returncode != 0:
                    raise SystemExit(run.stderr.decode())
                summary = json.loads(run.stdout)
                found, pairs = set(), set()
                for line in open(out, encoding="utf-8"):
                    a, b = ([int(n) for n in part.strip("[]").split(",") if n.strip()] for part in line.split(":")[:2])
                    if a and b:
                        left, right = [numbers[0][n] for n in a], [numbers[1][n] for n in b]
                        found.add((left[0][0], right[0][0], tuple(k for _, k in left), tuple(k for _, k in right)))
                    if a or b:
                        pairs.add((numbers[0][a[0]][0] if a else None, numbers[1][b[0]][0] if b else None))
            both = [d for d in range(len(made)) if alone[d] is None]
            gold = {(d, d, a, b) for d in both for a, b in made[d][1]}
            named = {p for p in pairs if None not in p}
            right = len({p for p in named if p[0] == p[1]})
            hits = len(found & gold)
            print(f"{options.kind} {pair}, {how}: documents {len(both)} of {len(made)}, paired {len(named)}, right {right}; "
                  f"sentences: precision {100 * hits / max(1, len(found)):.1f}, recall {100 * hits / len(gold):.1f}, "
                  f"strict F1 {200 * hits / (len(found) + len(gold)):.1f}; "
                  f"{summary['encode_seconds']:.1f} s encoding, {summary['align_seconds']:.1f} s aligning", flush=True)


if __name__ == "__main__":
    main()
