#!/usr/bin/env python3
"""Sets the start model, the control and the retrained model side by side, and says whether mined text helped."""

import argparse
import json
from pathlib import Path

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


def paired(test):
    """What `ems evaluate compare` found about a test, in the words of comparison.json."""
    return {
        "sentences": test["n"], "higher": test["better"], "lower": test["worse"],
        **{k: test[k] for k in ("difference", "low", "high", "sign_test_p")},
    }


def over_languages(evaluation):
    """The tests over the languages of a protocol that `ems evaluate --compare` made."""
    return [test for test in evaluation.get("comparison", {}).get("tests", []) if test["unit"] == "languages"]


def verdict(answer, pooled):
    """One sentence for the retrained models against the controls, all tests' sentences together."""
    by_seed = pooled["by_run"]
    where = f"{100 * pooled['difference']:+.1f} points against the control (95% interval {100 * pooled['low']:+.1f} to "
    where += f"{100 * pooled['high']:+.1f}, sign test p = {pooled['sign_test_p']:.2g})"
    if len(by_seed) > 1:
        where += f"; {sum(x * pooled['difference'] > 0 for x in by_seed)} of {len(by_seed)} seeds agree"
    word = {"better": "helped", "worse": "hurt", "open": "open"}[answer]
    return word, f"No difference was shown: {where}." if word == "open" else f"Mined text {word}: {where}."


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

    compared = {
        (old, new): read_json(folder / "compared" / f"{new}-against-{old}.json")
        for old, new in (("control", "retrained"), ("start", "retrained"), ("start", "control"))
    }
    # The last row has the sentences of all tests together; that one decides.
    decisive = compared["control", "retrained"]
    tests = []
    for i, test in enumerate(decisive["tests"]):
        tests.append({
            "name": test["name"], "by_seed": test["by_run"],
            "accuracy": {
                "start": compared["start", "retrained"]["tests"][i]["old"], "control": test["old"], "retrained": test["new"]},
            "compared": {f"{new} against {old}": paired(c["tests"][i]) for (old, new), c in compared.items()},
        })
    answer, sentence = verdict(decisive["answer"], decisive["tests"][-1])

    training = {}
    for run in arms["control"] + arms["retrained"]:
        log = (folder / run / "train.log").read_text(encoding="utf-8", errors="replace").replace("\r", "\n").split("\n")
        training[run] = {
            "summary": read_json(folder / run / "train.json"),
            # A run that was continued says some of it again.
            "log": [found[-1] for part in (" corpora, ", "drawn: ", "steps: ") if (found := [x for x in log if part in x])],
        }
    languages = {run: found for run in arms["retrained"] if (found := over_languages(evaluations[run]))}
    write_json(arguments.output, {
        "answer": answer, "verdict": sentence, "settings": settings,
        "mined": read_json(folder / "mined" / "selected.json"), "decontaminated": read_json(folder / "mined" / "clean.json"),
        "tests": tests, "figures": table, "over_languages": languages, "training": training,
    })


if __name__ == "__main__":
    run_main(main)
