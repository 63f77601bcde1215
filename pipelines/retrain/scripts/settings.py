"""The workflow's configuration: read, checked, paths made absolute."""

import difflib
import os
import shutil
from pathlib import Path

import jsonschema
import yaml

from texts import MISSING, Failure, read_json

REPOSITORY = Path(__file__).resolve().parents[3]

# Keys of a recipe that the workflow sets itself.
OWN_KEYS = ("output", "tokenizer", "initial", "model", "data", "decontaminate", "seed", "steps", "epochs", "minutes")
# Keys of a suite's evaluations that name files.
SUITE_PATHS = ("folder", "source", "target", "gold", "test_source", "test_target", "test_gold")


def read_yaml(path):
    """A YAML file as Python values."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(path, f"cannot be read: {error.strerror}", "check the path", MISSING) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Failure(path, f"is not YAML: {error}") from None


def with_defaults(value, schema):
    """The value with the schema's defaults filled in, at every depth."""
    for name, part in schema.get("properties", {}).items():
        if "default" in part:
            value.setdefault(name, part["default"])
        if isinstance(value.get(name), dict):
            with_defaults(value[name], part)
    return value


class Settings:
    """A checked configuration. Attributes are the sections; paths are absolute."""

    def __init__(self, values, file):
        self.file, self.folder = file, Path(file).resolve().parent
        schema = read_yaml(Path(__file__).resolve().parent.parent / "config.schema.yaml")
        values = with_defaults(values, schema)
        self._check(values, schema)
        self.output = self._path(values["output"])
        self.ems = self._program(values["ems"])
        self.model = str(self._existing("model", values["model"]))
        self.model_files = [
            str(self._existing("model", f"{self.model}/{name}"))
            for name in ("config.json", "model.safetensors", "sentencepiece.model")
        ]
        dumps = values["dumps"]
        self.source, self.target = dumps["source"], dumps["target"]
        for side in ("source", "target"):
            dumps[side]["text"] = str(self._existing(f"dumps.{side}.text", dumps[side]["text"]))
        self.languages = [self.source["language"], self.target["language"]]
        self.mine_options, self.select = values["mine_options"], values["select"]
        self.truth = values.get("truth") and str(self._existing("truth", values["truth"]))
        self.training, self.seeds = values["training"], values["training"]["seeds"]
        self.recipe = self._recipe(self.training["recipe"])
        self.suite = str(self._existing("suite", values["suite"]))
        self.suite_files = self._suite_files()
        self.tests = [
            {"name": test["name"], **{
                side: str(self._existing(f"tests.{test['name']}.{side}", test[side])) for side in ("source", "target")}}
            for test in values["tests"]
        ]
        names = [test["name"] for test in self.tests]
        if len(set(names)) < len(names):
            raise Failure(self.file, "tests: a name comes twice", "names tell the tests apart")
        # Whatever a model is judged on is a test file, whether or not the configuration thinks of it.
        listed = [str(self._existing("decontaminate", path)) for path in values["decontaminate"]]
        judged = self.suite_files + [test[side] for test in self.tests for side in ("source", "target")]
        self.against = list(dict.fromkeys(listed + judged))
        self._check_languages()

    def _check(self, values, schema):
        problems = []
        for error in jsonschema.Draft202012Validator(schema).iter_errors(values):
            place = ".".join(map(str, error.absolute_path))
            if error.validator == "additionalProperties":
                known = error.schema["properties"]
                for key in sorted(set(error.instance) - set(known)):
                    near = difflib.get_close_matches(key, known, 1)
                    problems.append(f"{place + '.' if place else ''}{key} is no key" + (f", is {near[0]} meant?" if near else ""))
            elif error.validator == "required":
                problems += [f"{place + '.' if place else ''}{key} is missing"
                             for key in error.validator_value if key not in error.instance]
            else:
                about = error.schema.get("description")
                problems.append(f"{place}: {error.message}" + (f"; it is {about}" if about else ""))
        if problems:
            raise Failure(self.file, "; ".join(dict.fromkeys(problems)), "config.example.yaml shows every key")

    def _path(self, name):
        return (self.folder / os.path.expanduser(name)).resolve()

    def _existing(self, key, name):
        path = self._path(name)
        if not path.exists():
            raise Failure(self.file, f"{key} names {path}, which does not exist",
                          "paths are relative to the configuration's folder", MISSING)
        return path

    def _program(self, name):
        """The `ems` to run: what the configuration names, $EMS, the one built here, or the one on the PATH."""
        built = REPOSITORY / ".build" / "release" / "ems"
        candidates = [self._path(name)] if name else [os.environ.get("EMS"), built, shutil.which("ems")]
        for candidate in candidates:
            if candidate and os.access(candidate, os.X_OK):
                return str(candidate)
        raise Failure(self.file, "finds no program ems", "build it (swift build -c release), or name it: ems: PATH", MISSING)

    def _recipe(self, name):
        """The start model's recipe with absolute paths."""
        path = self._existing("training.recipe", name)
        recipe = read_yaml(path)
        if not isinstance(recipe, dict) or not recipe.get("data"):
            raise Failure(path, "has no list `data`", "training.recipe names a recipe of `ems train`")
        own = [key for key in self.training["changes"] if key in OWN_KEYS]
        if own:
            raise Failure(self.file, f"training.changes has {', '.join(own)}, which the workflow sets itself",
                          "steps and seeds stand in training, test files in decontaminate")
        for corpus in recipe["data"]:
            file = (path.parent / corpus["path"]).resolve()
            if not file.is_file():
                raise Failure(path, f"data names {file}, which does not exist", "get the old data first", MISSING)
            corpus["path"] = str(file)
        recipe["decontaminate"] = []
        return recipe

    def _suite_files(self):
        suite = read_yaml(self.suite)
        if not isinstance(suite, dict) or not isinstance(suite.get("evaluations"), list):
            raise Failure(self.suite, "has no list `evaluations`", "`ems evaluate all --help` shows one")
        folder, files = Path(self.suite).parent, []
        for item in suite["evaluations"]:
            names = [item[key] for key in SUITE_PATHS if key in item] + list(item.get("altered", []))
            # Altered texts may be written NAME=PATH.
            paths = [(folder / str(name).split("=")[-1]).resolve() for name in names]
            for path in paths:
                if not path.exists():
                    raise Failure(self.suite, f"names {path}, which does not exist", kind=MISSING)
            files += map(str, paths)
        return files

    def _check_languages(self):
        known = read_json(Path(self.model) / "config.json").get("languages", [])
        missing = [language for language in self.languages if language not in known]
        if missing:
            raise Failure(self.file, f"dumps: the model {self.model} has no language {', '.join(missing)}",
                          f"it has {', '.join(known)}; another language needs a new model")
        if self.languages[0] == self.languages[1]:
            raise Failure(self.file, "dumps: both sides have the same language")

    @property
    def old_corpora(self):
        """The old data's corpora of the two mined languages."""
        return [c for c in self.recipe["data"] if {c["source_language"], c["target_language"]} == set(self.languages)]

    @property
    def select_options(self):
        """Options of `ems pairs select`."""
        options = []
        for key in ("threshold", "min_characters", "max_characters", "length_ratio", "limit"):
            options += [f"--{key.replace('_', '-')}", str(self.select[key])]
        # With the sign, since an empty word alone would be no value.
        options.append(f"--drop-flags={','.join(self.select['drop_flags'])}")
        for corpus in self.old_corpora:
            turned = corpus["source_language"] == self.languages[1]
            options += ["--known-turned" if turned else "--known", corpus["path"]]
            for origin in corpus.get("exclude_origins", []):
                options += ["--except", f"{corpus['path']}={origin}"]
        return options

    @property
    def shown(self):
        """What the page says about the run."""
        return {
            "languages": self.languages, "model": self.model, "steps": self.training["steps"], "seeds": self.seeds,
            "mined_weight": self.training["mined_weight"], "same_pair": bool(self.old_corpora), "select": self.select,
            "changes": self.training["changes"],
        }
