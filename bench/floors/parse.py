"""Every YAML file of a folder through libyaml into plain data, and nothing else."""

import sys
from pathlib import Path

import yaml


def main(folder: str) -> None:
    for file in sorted(Path(folder).glob("*.yaml")):
        for _document in yaml.load_all(file.read_bytes(), Loader=yaml.CSafeLoader):
            pass


if __name__ == "__main__":
    main(sys.argv[1])
