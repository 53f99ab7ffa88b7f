#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""validate.py SCHEMA FILE...: are these JSON lines what `fuseiomap schema' says?

Strict: every member has to be described. Also checks what a schema cannot say: the
first line is the header, the last the end, and nothing is given twice.
"""
import json
import sys

import jsonschema


def unique(pairs):
    names = [name for name, _ in pairs]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"given twice: {', '.join(sorted(twice))}")
    return dict(pairs)


def check_line(text, validators):
    if not text.endswith("\n"):
        raise ValueError("the line does not end")
    line = json.loads(text, object_pairs_hook=unique)
    kind = line.get("type")
    if kind not in validators:
        raise ValueError(f"no such type of line: {kind}")
    # Some commands have a header or an end of their own: one of them has to fit.
    errors = [jsonschema.exceptions.best_match(v.iter_errors(line)) for v in validators[kind]]
    if None not in errors:
        where = ".".join(str(p) for p in errors[0].absolute_path)
        raise ValueError(f"{kind}{' ' + where if where else ''}: {errors[0].message}")
    return kind


def check_file(path, validators):
    kinds = []
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, text in enumerate(file, 1):
            try:
                kinds.append(check_line(text, validators))
            except ValueError as error:
                sys.exit(f"{path}:{number}: {error}\n  {text[:300]}")
    if not kinds or kinds[0] != "header" or kinds.count("header") != 1:
        sys.exit(f"{path}: the header is not the first line and the only one")
    if kinds[-1] != "end" or kinds.count("end") != 1:
        sys.exit(f"{path}: the end is not the last line and the only one")
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    print(f"{path}:", ", ".join(f"{n} {kind}" for kind, n in counts.items()))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validators = {}
    for part in schema["$defs"].values():
        kind = part["properties"]["type"]["const"]
        validators.setdefault(kind, []).append(jsonschema.Draft202012Validator(part))
    for path in sys.argv[2:]:
        check_file(path, validators)


main()
