#!/usr/bin/env python3
"""Writes deploy/terraform/schema.json: what the AWS provider knows of the resources and data sources that deploy/terraform uses.

    scripts/terraform-schema.py            (needs npm; 40 MB are fetched into target/terraform-schema)

The provider itself is not needed: the npm package @cdktf/provider-aws was generated from its schema, and names every argument, block and attribute
as the schema does. A test compares each file of deploy/terraform with what this writes (reference/tests/it/terraform_resources.rs).
"""

import json
import pathlib
import re
import subprocess
import sys
import tarfile

PACKAGE = "@cdktf/provider-aws@21.22.1"
ROOT = pathlib.Path(__file__).resolve().parent.parent
TERRAFORM = ROOT / "deploy/terraform"
CACHE = ROOT / "target/terraform-schema"


def used():
    """Kinds and types in the files: ("resource", "aws_sqs_queue")."""
    blocks = re.compile(r'^(resource|data) "(aws_[a-z0-9_]+)"', re.MULTILINE)
    return sorted({found for file in TERRAFORM.glob("*.tf") for found in blocks.findall(file.read_text())})


def package():
    CACHE.mkdir(parents=True, exist_ok=True)
    there = sorted(CACHE.glob("*.tgz"))
    if not there:
        subprocess.run(["npm", "pack", PACKAGE, "--silent"], cwd=CACHE, check=True, stdout=subprocess.DEVNULL)
        there = sorted(CACHE.glob("*.tgz"))
    return tarfile.open(there[-1])


INTERFACE = re.compile(r"export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)\n\}", re.DOTALL)
MEMBER = re.compile(r"\w+#(\w+)\}[^*]*(?:\*(?!/)[^*]*)*\*/\s+readonly (\w+)(\??): ([^;]+(?:\{[^}]*\}[^;]*)?);")


def struct(interfaces, name):
    """Arguments ("required" or "optional") and blocks of an interface of the declarations."""
    arguments, blocks = {}, {}
    for terraform, _, optional, kind in MEMBER.findall(interfaces[name]):
        inner = re.match(r"(\w+)(\[\])?( \| cdktf\.IResolvable)?$", kind.strip())
        if inner and inner.group(1) in interfaces:
            blocks[terraform] = {"required": not optional, **struct(interfaces, inner.group(1))}
        else:
            arguments[terraform] = "optional" if optional else "required"
    return {"arguments": arguments, "blocks": blocks}


def schema(archive, kind, terraform):
    short = terraform.removeprefix("aws_").replace("_", "-")
    folder = f"package/lib/{'data-aws-' if kind == 'data' else ''}{short}"
    declared = archive.extractfile(f"{folder}/index.d.ts").read().decode()
    program = archive.extractfile(f"{folder}/index.js").read().decode()
    interfaces = dict(INTERFACE.findall(declared))
    config = next(name for name in interfaces if re.search(rf"export interface {name} extends cdktf.TerraformMetaArguments", declared))
    known = struct(interfaces, config)
    own = program[re.search(r"extends cdktf\.Terraform(?:Resource|DataSource)", program).start():]
    read = re.findall(r"get\w*Attribute\('(\w+)'\)", own) + re.findall(r'\(this, "(\w+)"', own)
    attributes = sorted(set(read) | set(known["arguments"]))
    return {**known, "attributes": attributes}, re.search(r"hashicorp/aws/([0-9.]+)/docs", declared).group(1)


def main():
    archive, found, versions = package(), {"resource": {}, "data": {}}, set()
    for kind, terraform in used():
        found[kind][terraform], version = schema(archive, kind, terraform)
        versions.add(version)
    if len(versions) != 1:
        sys.exit(f"one version was expected, and there are {versions}")
    written = {"provider": f"hashicorp/aws {versions.pop()}", **found}
    (TERRAFORM / "schema.json").write_text(json.dumps(written, indent=1, sort_keys=True) + "\n")


main()
