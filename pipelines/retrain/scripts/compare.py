#!/usr/bin/env python3
"""Sets the start model, the control and the retrained model side by side, and says whether mined text helped."""

import argparse
import json
from pathlib import Path

from significance import compare
from texts import read_json, run_main, write_json

# What stands for a protocol in the table, in this order of preference; everything else is in the evaluations' own JSON.
HEADLINES = (
    "model_languages_mean", "zero_shot_mean", "mean", "f1", "average_precision", "p1", "xsimpp_error", "xsim_error_mean",
    "xsim_error")


def headlines(evaluation):
    """The figures of an evaluation that the page shows: name to value."""
    figures = {}
    for name, result in evaluation["results"].items():
        values = [k for k in HEADLINES if isinstance(result.get(k), (int, float))]
        # xsim is one less an accuracy: it says something new only where nothing else is there.
        better = [k for k in values if not k.startswith("xsim")]
        for k in (better or values)[:2]:
            if k != "mean" or "model_languages_mean" not in values:
                figures[f"{name}: {k}"] = result[k]
        languages = result.get("languages")
        for code, entry in sorted(languages.items()) if isinstance(languages, dict) else ():
            value = entry.get("mean", entry.get("accuracy")) if isinstance(entry, dict) else None
            if value is not None:
                figures[f"{name}: {code}"] = value
    return figures


def per_line(judged):
    """For each test, the share of both directions that is right, line by line."""
    return {
        name: [(f + b) / 2 for f, b in zip(found["forward"], found["backward"])] for name, found in judged.items()
    }


def mean_lines(runs):
    """The mean over seeds, line by line."""
    return {name: [sum(v) / len(v) for v in zip(*(run[name] for run in runs))] for name in runs[0]}


def verdict(pooled, by_seed):
    """One sentence for the retrained models against the controls, all tests' sentences together."""
    d, p = 100 * pooled["difference"], pooled["sign_test_p"]
    where = f"{d:+.1f} points against the control (95% interval {100 * pooled['low']:+.1f} to {100 * pooled['high']:+.1f}, "
    where += f"sign test p = {p:.2g})"
    agreeing = sum(x * d > 0 for x in by_seed)
    if len(by_seed) > 1:
        where += f"; {agreeing} of {len(by_seed)} seeds agree"
    sure = p < 0.05 and (pooled["low"] > 0 or pooled["high"] < 0)
    if sure and agreeing == len(by_seed):
        return ("helped" if d > 0 else "hurt"), f"Mined text {'helped' if d > 0 else 'hurt'}: {where}."
    return "open", f"No difference was shown: {where}."


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="the workflow's output folder")
    parser.add_argument("--settings", required=True, type=json.loads, help="what the page says about the run")
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    folder, settings = Path(arguments.folder), arguments.settings
    seeds = settings["seeds"]
    arms = {"start": ["start"], **{arm: [f"{arm}-{seed}" for seed in seeds] for arm in ("control", "retrained")}}

    evaluations = {run: read_json(folder / run / "evaluation.json") for runs in arms.values() for run in runs}
    figures = {run: headlines(evaluation) for run, evaluation in evaluations.items()}
    table = []
    for name in figures["start"]:
        row = {"name": name}
        for arm, runs in arms.items():
            row[arm] = sum(figures[run][name] for run in runs) / len(runs)
        row["by_seed"] = {arm: [figures[run][name] for run in arms[arm]] for arm in ("control", "retrained")}
        table.append(row)

    lines = {run: per_line(read_json(folder / run / "lines.json")) for runs in arms.values() for run in runs}
    means = {arm: mean_lines([lines[run] for run in runs]) for arm, runs in arms.items()}
    comparisons = (("control", "retrained"), ("start", "retrained"), ("start", "control"))
    tests = []
    for name in [*means["start"], None]:
        # The last row has the sentences of all tests together; that one decides.
        def values(lines_of, name=name):
            return lines_of[name] if name else [v for column in lines_of.values() for v in column]

        row = {"name": name or "all tests", "accuracy": {}, "compared": {}}
        for arm in arms:
            column = values(means[arm])
            row["accuracy"][arm] = sum(column) / len(column)
        row["by_seed"] = [
            sum(values(lines[b])) / len(values(lines[b])) - sum(values(lines[a])) / len(values(lines[a]))
            for a, b in zip(arms["control"], arms["retrained"])
        ]
        for old, new in comparisons:
            row["compared"][f"{new} against {old}"] = compare(values(means[old]), values(means[new]))
        tests.append(row)
    pooled = tests[-1]
    answer, sentence = verdict(pooled["compared"]["retrained against control"], pooled["by_seed"])

    training = {}
    for run in arms["control"] + arms["retrained"]:
        log = (folder / run / "train.log").read_text(encoding="utf-8", errors="replace").replace("\r", "\n").split("\n")
        training[run] = {
            "summary": read_json(folder / run / "train.json"),
            # A run that was continued says some of it again.
            "log": [found[-1] for part in (" corpora, ", "drawn: ", "steps: ") if (found := [x for x in log if part in x])],
        }
    # `ems evaluate --compare` wrote these: signs and intervals over the languages of a protocol.
    over_languages = {
        run: evaluations[run]["comparison"]["paired"] for run in arms["retrained"]
        if evaluations[run].get("comparison", {}).get("paired")
    }
    write_json(arguments.output, {
        "answer": answer, "verdict": sentence, "settings": settings,
        "mined": read_json(folder / "mined" / "selected.json"), "decontaminated": read_json(folder / "mined" / "clean.json"),
        "tests": tests, "figures": table, "over_languages": over_languages, "training": training,
    })


if __name__ == "__main__":
    run_main(main)
