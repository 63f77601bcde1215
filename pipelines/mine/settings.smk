"""What the rules need to know: the settings, the command line of `ems mine`, and what each job takes."""

import difflib
import json
import os
import shlex
import subprocess
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from snakemake.exceptions import WorkflowError


def checked_settings():
    """The settings, and the folder that their paths are relative to: that of the (first) file."""
    if not workflow.overwrite_configfiles:
        raise WorkflowError("no settings: give --configfile FILE; pipelines/mine/example.yaml shows the keys")
    if workflow.overwrite_workdir is not None:
        raise WorkflowError("--directory is not for this workflow: it works in the work folder, so that the folder is locked")
    files = [Path(file).resolve() for file in workflow.overwrite_configfiles]
    place = ", ".join(str(file) for file in files)
    schema = yaml.safe_load(Path(workflow.basedir, "settings.schema.yaml").read_text())
    problems = []
    for error in Draft202012Validator(schema).iter_errors(dict(config)):
        key = ".".join(str(part) for part in error.absolute_path)
        if error.validator == "additionalProperties":
            for unknown in sorted(set(config) - set(schema["properties"])):
                near = difflib.get_close_matches(unknown, schema["properties"], 1)
                problems.append(f'"{unknown}" is no key' + (f'; is "{near[0]}" meant?' if near else ""))
        elif error.validator == "required":
            problems += [f'"{key}" is missing' for key in error.validator_value if key not in config]
        elif error.validator == "dependentRequired":
            problems.append("calibrate and calibration_bitext go together")
        else:
            expected = schema["properties"].get(key, {}).get("description", error.message)
            problems.append(f'"{key}" is {config[key]!r}; expected: {expected}')
    if problems:
        raise WorkflowError(f"{place}: " + f"\n{place}: ".join(dict.fromkeys(problems)))
    return dict(config), files[0].parent


SETTINGS, BASE = checked_settings()


def path(key):
    """A path of the settings, for the rules."""
    return str(BASE / SETTINGS[key])


OUTPUT = path("output")
WORK = path("work") if "work" in SETTINGS else f"{OUTPUT}.work"
SHARDS = [int(count) for count in str(SETTINGS["shards"]).split("x")]
SHARDS = dict(source=SHARDS[0], target=SHARDS[-1])
EXACT = SETTINGS["index"] == "exact"
THREADS = SETTINGS.get("threads", 2)
EMS = SETTINGS.get("ems", "ems")

FLAGS = ("ids", "strict", "need_letters", "check_language", "all")
SEARCH = ("shards", "index", "nprobe", "k", "dtype")
FILTERS = ("min_characters", "max_characters", "need_letters", "check_language", "language_model")
OPTIONS = (
    "source_language", "target_language", *SEARCH, "ids", "column", "strict", "max_line_bytes", *FILTERS, "margin",
    "retrieval", "threshold", "precision", "all", "limit", "fields", "calibrate", "calibration_bitext", "seed", "output",
)


def options(keys):
    """Settings as the options of `ems`, which have the same names."""
    words = []
    for key in keys:
        if key in SETTINGS and SETTINGS[key] is not False:
            words.append("--" + key.replace("_", "-"))
            if key not in FLAGS:
                words.append(str(SETTINGS[key]))
    return words


def command():
    """The one command line of the whole run, which every job completes with its stage.

    It runs in the folder of the settings with the paths as they stand there, so that OUTPUT.json has the same bytes as after
    the same command in that folder.
    """
    words = ["env", f"EMS_SIMD={SETTINGS['simd']}"] if "simd" in SETTINGS else []
    words += [EMS, "mine", SETTINGS["source"], SETTINGS["target"], "--model", SETTINGS["model"], *options(OPTIONS)]
    return [*words, "--work", SETTINGS.get("work", SETTINGS["output"] + ".work")]


COMMAND = f"cd {shlex.quote(str(BASE))} && {shlex.join(command())}".replace("{", "{{").replace("}", "}}")


def chosen(*keys):
    """The settings that a rule's outputs depend on: Snakemake runs its jobs again when one of them changes."""
    return {key: str(SETTINGS[key]) for key in keys if key in SETTINGS}


def asked_ems(words):
    """What a command of `ems` answers as JSON; it may answer and fail all the same."""
    try:
        result = subprocess.run(words, cwd=BASE, capture_output=True, text=True)
    except OSError as error:
        raise WorkflowError(f"cannot run {EMS}: {error.strerror}; \"ems\" in the settings names the program")
    if not result.stdout.startswith("{"):
        raise WorkflowError(f"{shlex.join(words)}:\n{result.stderr}")
    return json.loads(result.stdout)


def keep(file, value):
    """Writes a JSON file of the work folder, which appears when it is complete."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".json.new")
    new.write_text(json.dumps(value))
    new.rename(file)
    return value


def graph():
    """The stages of the run by their names, as `ems mine --list-stages` tells them. The process that submits jobs asks; the
    jobs read its answer."""
    file = Path(WORK, "graph.json")
    if file.exists() and not workflow.is_main_process:
        return json.loads(file.read_text())
    stages = asked_ems([*command(), "--list-stages", "--json", "--quiet"])["stages"]
    return keep(file, {stage["name"]: stage for stage in stages})


def planned():
    """What `ems plan` says of the stages. The process that submits jobs asks, once; the jobs read its answer."""
    file = Path(WORK, "plan.json")
    words = [EMS, "plan", SETTINGS["source"], SETTINGS["target"], "--model", SETTINGS["model"], *options(SEARCH)]
    words += ["--threads", str(THREADS), "--json", "--quiet"] + options(["rates"])
    texts = [Path(path(side)) for side in SHARDS]
    for text in texts:
        if not text.is_file():
            raise WorkflowError(f"{text} is missing: see source and target in the settings")
    asked = [words, [text.stat().st_size for text in texts]]
    if file.exists():
        known = json.loads(file.read_text())
        if known["asked"] == asked or not workflow.is_main_process:
            return known["plan"]
    # Exit status 74 says that this machine is too small, which is nothing against the machines of a cluster.
    answer = asked_ems(words)
    plan = {stage["name"]: stage for stage in answer["plan"]["stages"]}
    return keep(file, dict(asked=asked, plan=plan))["plan"]


PLAN = planned()
GRAPH = graph()


def memory(*stages, share=1, mapped=0):
    """Megabytes for a job: the plan's and a quarter more, and half of that again for each further attempt.

    `mapped` is bytes of files that are mapped, which the plan leaves out: a job's limit may count them. `share` is the part
    of the plan's memory that a job takes.
    """

    def megabytes(wildcards, attempt):
        needed = sum(PLAN[stage]["memory"] for stage in stages) * share * 1.25 + mapped
        return int((needed / 1e6 + 200) * (1 + attempt) / 2)

    return megabytes


def minutes(stage, jobs):
    """Minutes for one of the jobs of a stage: three times the plan's, since machines differ, and ten to begin and end."""
    needed = 3 * (PLAN[stage]["seconds"] or 0) / jobs / 60 + 10
    return lambda wildcards, attempt: int(needed * attempt) + 1


def check_files():
    """Stops before anything is run if a file is not what its stage left: jobs compare settings and sizes, not content."""
    for manifest in sorted(Path(WORK).glob("*.json")):
        try:
            known = json.loads(manifest.read_text())
            sizes = known["sizes"] if known["stage"] == manifest.stem else {}
        except (ValueError, KeyError, TypeError):
            continue
        for name, size in sizes.items():
            # An output outside the work folder has a path, relative to where `ems` ran.
            file = BASE / name if "/" in name else Path(WORK, name)
            if not file.exists():
                continue
            status = file.stat()
            if status.st_size != size:
                found = f"has {status.st_size} bytes, but stage {manifest.stem} left {size}"
            elif status.st_mtime > manifest.stat().st_mtime + 2:
                found = f"was written after stage {manifest.stem} had ended"
            else:
                continue
            raise WorkflowError(f"{file} {found}: delete it, and the workflow makes it again")


if workflow.is_main_process:
    check_files()
