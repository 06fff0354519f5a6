"""Print a custom resource's schema without descriptions and status, as compressed JSON.

`python extract.py VERSION < crd.yaml > name.json.gz`; README.md beside this file says what of.
"""

import gzip
import json
import sys
from typing import Any

import yaml


def stripped(schema: Any) -> Any:
    """The schema without its descriptions; a property that has that name stays."""
    if isinstance(schema, list):
        return [stripped(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: stripped(each) for name, each in value.items()}
        if key == "properties"
        else stripped(value)
        for key, value in schema.items()
        if key != "description"
    }


def main() -> None:
    definition = yaml.safe_load(sys.stdin)
    [version] = [v for v in definition["spec"]["versions"] if v["name"] == sys.argv[1]]
    schema = stripped(version["schema"]["openAPIV3Schema"])
    schema["properties"].pop("status", None)
    text = json.dumps(schema, separators=(",", ":"), sort_keys=True)
    sys.stdout.buffer.write(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
