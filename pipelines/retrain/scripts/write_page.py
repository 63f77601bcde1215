#!/usr/bin/env python3
"""Writes the comparison as one HTML page that needs nothing else."""

import argparse
from pathlib import Path

import jinja2

from texts import read_json, run_main, write


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("comparison", help="what compare.py wrote")
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined)
    environment.filters["percent"] = lambda value: f"{100 * value:.1f}"
    environment.filters["points"] = lambda value: f"{100 * value:+.1f}"
    environment.filters["p"] = lambda value: f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"
    page = environment.get_template("page.html").render(read_json(arguments.comparison))
    write(arguments.output, page)


if __name__ == "__main__":
    run_main(main)
