#!/usr/bin/env python3
"""Makes verify/botocore/*.model from a botocore wheel: the inputs of the calls that verify/calls names, without documentation.

  pip download --no-deps botocore==1.43.107
  python3 scripts/extract-botocore.py botocore-1.43.107-py3-none-any.whl

The names of all operations of each service are kept too: most IAM actions are called like the operation that they allow.
botocore is Copyright Amazon.com, Inc. or its affiliates, Apache License 2.0; the extracts keep that licence (verify/botocore/NOTICE).
"""
import gzip
import json
import pathlib
import re
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "verify" / "botocore"
# Service in botocore -> prefix of its IAM actions; the services whose calls are checked, and those that policies name besides.
SERVICES = {
    "autoscaling": "autoscaling",
    "cloudwatch": "cloudwatch",
    "ec2": "ec2",
    "efs": "elasticfilesystem",
    "elbv2": "elasticloadbalancing",
    "events": "events",
    "iam": "iam",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "route53": "route53",
    "s3": "s3",
    "sns": "sns",
    "ssm": "ssm",
    "sts": "sts",
}
KEPT = ("type", "required", "enum", "min", "max", "pattern", "box")


def called():
    """The operations that verify/calls names, by service: { service: "ec2", operation: "CreateVpc" }."""
    found = {}
    for file in sorted((ROOT / "verify" / "calls").glob("*.ts")):
        for service, operation in re.findall(r'call\(\s*"(\w+)",\s*"(\w+)"', file.read_text()):
            found.setdefault(service, set()).add(operation)
    return found


def reachable(model, names):
    shapes, todo = {}, list(names)
    while todo:
        name = todo.pop()
        if name in shapes:
            continue
        shape = model["shapes"][name]
        kept = {key: shape[key] for key in KEPT if key in shape}
        if "members" in shape:
            kept["members"] = {key: member["shape"] for key, member in shape["members"].items()}
            todo += kept["members"].values()
        for part in ("member", "key", "value"):
            if part in shape:
                kept[part] = shape[part]["shape"]
                todo.append(shape[part]["shape"])
        shapes[name] = kept
    return dict(sorted(shapes.items()))


def lines(extract):
    """JSON with a line for each shape, so that a newer botocore's changes can be read as a difference."""
    compact = lambda value: json.dumps(value, separators=(",", ":"))
    shapes = ",\n".join(f"{compact(name)}:{compact(shape)}" for name, shape in extract["shapes"].items())
    head = [f"{compact(key)}:{compact(value)}" for key, value in extract.items() if key != "shapes"]
    return "{" + ",\n".join(head) + ',\n"shapes":{\n' + shapes + "\n}}\n"


def main(wheel):
    archive = zipfile.ZipFile(wheel)
    version = re.search(r"botocore-([\d.]+)-", pathlib.Path(wheel).name).group(1)
    calls = called()
    for service, prefix in SERVICES.items():
        pattern = re.compile(rf"botocore/data/{service}/(\d{{4}}-\d\d-\d\d)/service-2\.json\.gz")
        newest = max(name for name in archive.namelist() if pattern.fullmatch(name))
        model = json.loads(gzip.decompress(archive.read(newest)))
        inputs = {name: model["operations"][name]["input"]["shape"] for name in sorted(calls.get(service, ()))}
        extract = {
            "botocore": version,
            "service": service,
            "apiVersion": model["metadata"]["apiVersion"],
            "iamPrefix": prefix,
            "inputs": inputs,
            "operations": sorted(model["operations"]),
            "shapes": reachable(model, inputs.values()),
        }
        (TARGET / f"{service}.model").write_text(lines(extract))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
