#!/usr/bin/env python3
"""Writes the recipe of one arm: the start model's recipe with its data, continued from the start model.

Both arms get the same keys, the same seed and the same number of steps. The retrained arm gets the mined pairs as one more
corpus. The control gets in its place, with the same weight, the old data of the same two languages once more: otherwise
more of that language pair, rather than the mined text, might be what helps.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import yaml

from texts import run_main, write


def recipe(base, arm, *, model, configuration, run, mined, languages, training, against, seed):
    """The recipe as a mapping. `base` is the start model's, with absolute paths."""
    result = {k: v for k, v in base.items() if k not in ("steps", "epochs", "minutes")}
    result.update(training["changes"])
    result.update(
        output=run, tokenizer=f"{model}/sentencepiece.model", initial=model, seed=seed, steps=training["steps"],
        # The model's own sizes and its order of languages, whatever the recipe says.
        model={
            k: configuration[k]
            for k in (
                "num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size", "max_position_embeddings",
                "layer_norm_eps", "lowercase", "language_size", "languages", "pooling",
            )
            if k in configuration
        },
        decontaminate=against)
    source, target = languages
    weight = training["mined_weight"]
    if arm == "retrained":
        extra = [{"path": mined, "source_language": source, "target_language": target, "weight": weight}]
    else:
        same = [c for c in base["data"] if {c.get("source_language"), c.get("target_language")} == {source, target}]
        extra = [{**c, "weight": weight / len(same)} for c in same]
    result["data"] = base["data"] + extra
    return result


def expanded(paths):
    """Test files for `ems train`, which looks into a folder but not into folders within it."""
    result = []
    for path in map(Path, paths):
        nested = path.is_dir() and any(p.is_dir() for p in path.iterdir())
        result += sorted(str(p) for p in path.rglob("*") if p.is_file()) if nested else [str(path)]
    return result


def digest(path):
    """The first half of a file's SHA-256."""
    result = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            result.update(block)
    return result.hexdigest()[:32]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arm", required=True, choices=("control", "retrained"))
    parser.add_argument("--base", required=True, type=json.loads, help="the start model's recipe, paths absolute")
    parser.add_argument("--model", required=True, help="the start model's folder")
    parser.add_argument("--mined", help="the mined pairs, for the retrained arm")
    parser.add_argument("--languages", required=True, type=json.loads, help="of the mined pairs")
    parser.add_argument("--training", required=True, type=json.loads, help="the section `training`")
    parser.add_argument("--against", required=True, type=json.loads, help="test files and folders")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()

    output = Path(arguments.output).resolve()
    run = output.parent / "run"
    configuration = json.loads((Path(arguments.model) / "config.json").read_text(encoding="utf-8"))
    value = recipe(
        arguments.base, arguments.arm, model=arguments.model, configuration=configuration, run=str(run),
        mined=arguments.mined and str(Path(arguments.mined).resolve()), languages=arguments.languages,
        training=arguments.training, against=expanded(arguments.against), seed=arguments.seed)
    # With the digests of model and data in it the recipe says all that the run depends on.
    files = [f"{arguments.model}/model.safetensors", *(c["path"] for c in value["data"])]
    digests = "".join(f"#   {digest(path)}  {path}\n" for path in dict.fromkeys(files))
    text = f"# Written by pipelines/retrain for the arm `{arguments.arm}`. Files, with half of their SHA-256:\n{digests}"
    text += yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)

    # A run of the same recipe is continued; one of another recipe cannot be, and goes.
    begun = run / "config.yaml"
    if begun.exists() and begun.read_text(encoding="utf-8") != text:
        shutil.rmtree(run)
    write(output, text)


if __name__ == "__main__":
    run_main(main)
