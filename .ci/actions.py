"""What actionlint does not see: whether our composite actions are whole, and are used with inputs that they have.

Needs PyYAML. Prints what is wrong, a line each, and fails then.
"""

import pathlib
import re
import sys

import yaml

GITHUB = pathlib.Path(".github")
USED_INPUT = re.compile(r"\$\{\{[^}]*\binputs\.([\w-]+)")


def faults_of_action(action):
    for key in ("name", "description", "inputs", "runs"):
        if key not in action:
            yield f"has no {key}"
            return
    for name, given in action["inputs"].items():
        if not given.get("description"):
            yield f"input {name} has no description"
        if given.get("required") and "default" in given:
            yield f"input {name} is required and has a default"
    if action["runs"].get("using") != "composite" or not action["runs"].get("steps"):
        yield "is not composite, or has no steps"
        return
    steps = action["runs"]["steps"]
    for step in steps:
        if ("run" in step) == ("uses" in step):
            yield f"a step has to run or to use something: {step}"
        if "run" in step and "shell" not in step:
            yield f"a step has no shell: {step['run']}"
        if "${{" in step.get("run", ""):
            yield f"text of others would be run: {step['run']}"
    used = set(USED_INPUT.findall(str(steps)))
    for name in sorted(used ^ set(action["inputs"])):
        yield f"input {name} is {'used and not declared' if name in used else 'declared and not used'}"
    ids = {step.get("id") for step in steps}
    for name, output in action.get("outputs", {}).items():
        step = re.search(r"steps\.([\w-]+)\.outputs\.", output.get("value", ""))
        if not step or step[1] not in ids:
            yield f"output {name} is of no step"


def faults_of_use(action, given):
    for name in sorted(given.keys() - action["inputs"].keys()):
        yield f"there is no input {name}"
    for name, described in action["inputs"].items():
        if described.get("required") and name not in given:
            yield f"input {name} is missing"


def faults():
    actions = {}
    for path in sorted(GITHUB.glob("actions/*/action.yml")):
        action = yaml.safe_load(path.read_text())
        found = list(faults_of_action(action))
        yield from (f"{path}: {fault}" for fault in found)
        if not found:
            actions[f"./{path.parent}"] = action
    for path in sorted(GITHUB.glob("workflows/*.yml")):
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            for step in job.get("steps", []):
                place = step.get("uses", "")
                if not place.startswith("./"):
                    continue
                if place in actions:
                    yield from (f"{path}: {place}: {fault}" for fault in faults_of_use(actions[place], step.get("with", {})))
                else:
                    yield f"{path}: there is no good action at {place}"


found = list(faults())
print(*found, sep="\n", end="\n" if found else "")
sys.exit(bool(found))
