#!/usr/bin/env python3
"""Opens the bitexts that `ems score` writes with the programs of others: TMX with translate-toolkit and by the rules that OmegaT's
reader has, JSON lines with pyarrow and pandas, Moses' two files; all must hold the pairs that went in.

Usage: check_bitext.py EMS MODEL
Prints what was compared; exits with 1 at the first difference. Needs: pip install translate-toolkit pyarrow pandas."""
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import pandas
import pyarrow.json
import translate.storage.tmx

ems, model = sys.argv[1:]
# What writers get wrong: XML's and JSON's signs, quotes, backslashes, scripts from right to left, beyond the BMP, combining and
# joining characters, what looks like a number or a date, blanks at the ends, control characters.
pairs = [
    ("Das Haus & der <b>Hof</b>", "The house & the <b>yard</b>"),
    ("Er sagte: \"Ja\" und 'nein'.", "He said: \"yes\" and 'no'."),
    ("C:\\Pfad\\neu ]]> Ende", "C:\\path\\new ]]> end"),
    ("Der Hund 🐕 lief 𝄞 weg", "The dog 🐕 ran 𝄞 off"),
    ("שלום עולם", "مرحبا بالعالم"),
    ("Cafe\u0301 und Zero\u200djoiner", "Cafe\u0301 and zero\u200cjoiner"),
    ("2024-01-02", "12345"),
    ("&amp; &lt; &#65; schon maskiert", "&amp; &lt; &#65; escaped before"),
    ("Drei  Blanks", "Three  blanks"),
    ("Ein \x0b und \x1f Zeichen", "A \x01 sign and \x7f"),
    ("true", "null"),
]


def fail(message):
    print(f"failed: {message}", file=sys.stderr)
    sys.exit(1)


def compare(what, found, wanted):
    if len(found) != len(wanted):
        fail(f"{what}: {len(found)} pairs, {len(wanted)} wanted")
    for i, (a, b) in enumerate(zip(found, wanted)):
        if tuple(a) != tuple(b):
            fail(f"{what}, pair {i}: {a!r} is not {b!r}")
    print(f"{what}: {len(found)} pairs agree")


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    (folder / "in.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    names = ["out.tmx", "out.jsonl", "out.%s.txt", "out.tsv"]
    command = [ems, "score", str(folder / "in.tsv"), "--model", model, "--source-language", "de", "--target-language", "en", "--quiet",
               "--fields", "source,target"]
    for name in names:
        command += ["--output", str(folder / name)]
    subprocess.run(command, check=True)

    # XML 1.0 has no place for control characters: a space stands there.
    clean = [tuple(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", " ", text) for text in pair) for pair in pairs]
    with open(folder / "out.tmx", "rb") as file:
        store = translate.storage.tmx.tmxfile(file, "de", "en")
    compare("TMX, translate-toolkit", [(str(unit.source), str(unit.target)) for unit in store.units], clean)

    # OmegaT: a header whose srclang is the language of one tuv of each unit, xml:lang on each, one seg, sentences.
    document = xml.etree.ElementTree.parse(folder / "out.tmx").getroot()
    header = document.find("header")
    if document.get("version") != "1.4" or header.get("segtype") != "sentence" or header.get("datatype") != "plaintext":
        fail(f"TMX, header: {document.attrib} {header.attrib}")
    language = "{http://www.w3.org/XML/1998/namespace}lang"
    found = []
    for unit in document.iter("tu"):
        versions = {version.get(language): version.findall("seg") for version in unit.iter("tuv")}
        if set(versions) != {"de", "en"} or header.get("srclang") not in versions or any(len(s) != 1 for s in versions.values()):
            fail(f"TMX, unit {unit.get('tuid')}: {versions}")
        found.append((versions["de"][0].text, versions["en"][0].text))
    compare("TMX, OmegaT's rules", found, clean)

    table = pyarrow.json.read_json(folder / "out.jsonl")
    rows = table.to_pydict()
    compare("JSON lines, pyarrow", list(zip(map(str, rows["source"]), map(str, rows["target"]))), pairs)
    if table.schema.field("source").type != pyarrow.string() or not pyarrow.types.is_floating(table.schema.field("score").type):
        fail(f"JSON lines, types: {table.schema}")
    frame = pandas.read_json(folder / "out.jsonl", lines=True, dtype=False)
    compare("JSON lines, pandas", list(zip(frame["source"], frame["target"])), pairs)
    # What docs/formats.md says of Parquet.
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, folder / "out.parquet")
    again = pyarrow.parquet.read_table(folder / "out.parquet").to_pydict()
    compare("Parquet, from the JSON lines", list(zip(again["source"], again["target"])), pairs)

    sides = [(folder / f"out.{code}.txt").read_bytes().decode().split("\n")[:-1] for code in ("de", "en")]
    compare("Moses", list(zip(*sides)), pairs)
    lines = (folder / "out.tsv").read_bytes().decode().split("\n")[:-1]
    compare("table", [line.split("\t") for line in lines], [tuple(text.replace("\x0b", " ") for text in pair) for pair in pairs])
