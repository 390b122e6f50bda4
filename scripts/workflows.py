#!/usr/bin/env python3
"""Reads .github/workflows and .github/actions as far as that is possible without GitHub, and says every mistake that it finds:

- each `run:` is sound shell (`bash -n`, and shellcheck where that is installed);
- each expression `${{ … }}` names an input, an output, a step, a job, a matrix key or a context that there is;
- each job says where it runs and for how long it may; each `needs:` names a job;
- each script of the repository that is called is there.

Needs PyYAML. Run from the top of the repository.
"""

import pathlib
import re
import shutil
import subprocess
import sys

import yaml

# What GitHub gives to every expression; only the names that these files may need.
CONTEXTS = {
    "github": {"actor", "base_ref", "event", "ref", "ref_name", "repository", "token"},
    "runner": {"temp", "os", "arch"},
    "env": None,
    "secrets": None,
}
FUNCTIONS = {"always", "failure", "success", "cancelled", "startsWith", "hashFiles"}
SHELLS = {"bash", None}


def expressions(value):
    """Every expression in a value, and every `if:`, which is one without braces."""
    if isinstance(value, str):
        yield from re.findall(r"\$\{\{(.*?)\}\}", value, re.S)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "if" and isinstance(inner, str) and "${{" not in inner:
                yield inner
            yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


def unknown_names(value, known):
    """Names in expressions that nobody gives. `known` maps `inputs`, `steps`, `needs` and `matrix` to what is there."""
    for expression in expressions(value):
        bare = re.sub(r"'[^']*'", "''", expression)
        for function in re.findall(r"([A-Za-z]+)\(", bare):
            if function not in FUNCTIONS:
                yield f"{expression.strip()}: there is no function {function}"
        # Only the first name behind a context: what lies deeper is the context's own business.
        for context, name in re.findall(r"(?<![\w.-])([a-z]+)\.([A-Za-z_-]+)", bare):
            allowed = {**CONTEXTS, **known}.get(context, set())
            if allowed is not None and name not in allowed:
                yield f"{expression.strip()}: {context} has no {name}"


def shell_mistakes(step):
    script = step.get("run")
    if script is None:
        return
    if step.get("shell") not in SHELLS:
        yield f"the shell {step['shell']} is not known here"
        return
    # A value where GitHub would put one.
    filled = re.sub(r"\$\{\{.*?\}\}", "filled-in", script, flags=re.S)
    checks = [["bash", "-n"]]
    if shutil.which("shellcheck"):
        checks.append(["shellcheck", "--shell=bash", "--severity=warning", "-"])
    for check in checks:
        done = subprocess.run(check, input=filled, text=True, capture_output=True)
        if done.returncode:
            yield f"{' '.join(check)}: {done.stdout}{done.stderr}"
    for called in re.findall(r"(?:^|[\s\"])(scripts/[\w-]+\.(?:sh|py))", script):
        if not pathlib.Path(called).is_file():
            yield f"there is no {called}"


def steps_of(steps, known):
    ids = set()
    for number, step in enumerate(steps, 1):
        name = step.get("name") or step.get("id") or step.get("uses") or f"step {number}"
        if ("run" in step) == ("uses" in step):
            yield f"{name}: either run or uses"
        for mistake in [*shell_mistakes(step), *unknown_names(step, {**known, "steps": ids})]:
            yield f"{name}: {mistake}"
        if "id" in step:
            ids.add(step["id"])


def workflow_mistakes(workflow):
    # YAML takes `on` for a truth value.
    if "on" not in workflow and True not in workflow:
        yield "nothing starts it"
    if "permissions" not in workflow:
        yield "it does not say what it may do (permissions)"
    jobs = workflow["jobs"]
    for name, job in jobs.items():
        for missing in [key for key in ("runs-on", "timeout-minutes") if key not in job]:
            yield f"{name}: {missing} is missing"
        needs = job.get("needs", [])
        for needed in [needs] if isinstance(needs, str) else needs:
            if needed not in jobs:
                yield f"{name}: needs {needed}, which there is not"
        matrix = job.get("strategy", {}).get("matrix", {})
        keys = {key for row in matrix.get("include", []) for key in row} | (set(matrix) - {"include", "exclude"})
        known = {"matrix": keys, "inputs": set(), "needs": set(needs if isinstance(needs, list) else [needs])}
        outside = {key: value for key, value in job.items() if key != "steps"}
        for mistake in [*unknown_names(outside, known), *steps_of(job["steps"], known)]:
            yield f"{name}: {mistake}"


def action_mistakes(action):
    steps = action["runs"]["steps"]
    inputs = set(action.get("inputs", {}))
    yield from steps_of(steps, {"inputs": inputs, "matrix": set(), "needs": set()})
    ids = {step["id"] for step in steps if "id" in step}
    for name, output in action.get("outputs", {}).items():
        for mistake in unknown_names(output, {"steps": ids, "inputs": inputs}):
            yield f"output {name}: {mistake}"
    for step in steps:
        if "run" in step and "shell" not in step:
            yield "a step of an action must name its shell"
    read = set(re.findall(r"inputs\.([\w-]+)", str(action["runs"])))
    for name in inputs - read:
        yield f"nothing reads the input {name}"


def main():
    found = 0
    github = pathlib.Path(".github")
    files = [(path, workflow_mistakes) for path in sorted(github.glob("workflows/*.yml"))]
    files += [(path, action_mistakes) for path in sorted(github.glob("actions/*/action.yml"))]
    for path, mistakes in files:
        for mistake in mistakes(yaml.safe_load(path.read_text())):
            print(f"{path}: {mistake}", file=sys.stderr)
            found += 1
    print(f"{len(files)} workflows and actions, {found} mistakes")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
