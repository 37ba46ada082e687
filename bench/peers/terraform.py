"""Terraform's or OpenTofu's own files and commands, for the provider of Mongey/terraform-provider-kafka."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import specs
from bench.peers.estate import Binding, Estate
from bench.peers.tool import Command, Step

PROVIDER = "terraform-provider-kafka"
MAIN = """\
terraform {
  required_providers {
    kafka = {
      source = "Mongey/kafka"
    }
  }
}

variable "bootstrap" {
  type = string
}

variable "topics" {
  type = map(object({
    partitions = number
    config     = map(string)
  }))
}

variable "acls" {
  type = map(object({
    resource_type = string
    resource_name = string
    principal     = string
    operation     = string
  }))
}

provider "kafka" {
  bootstrap_servers = [var.bootstrap]
  tls_enabled       = false
}

resource "kafka_topic" "estate" {
  for_each           = var.topics
  name               = each.key
  partitions         = each.value.partitions
  replication_factor = 1
  config             = each.value.config
}

resource "kafka_acl" "estate" {
  for_each            = var.acls
  resource_type       = each.value.resource_type
  resource_name       = each.value.resource_name
  acl_principal       = each.value.principal
  acl_host            = "*"
  acl_operation       = each.value.operation
  acl_permission_type = "Allow"
}
"""
# A provider that lies on this machine, in place of one that `init` would download.
SETTINGS = """\
provider_installation {{
  dev_overrides {{
    "Mongey/kafka" = {folder}
  }}
  direct {{}}
}}
"""
QUIET = ("-input=false", "-no-color")
DOES = (
    "keeps its own state in a file and compares with that, after it has read every object of the state again"
    " (a refresh); objects are made and changed one by one, ten at a time. It runs as two processes, itself and the"
    " provider: CPU is that of both, peak memory is that of the larger one. `apply` plans again first."
)


@dataclass(frozen=True, slots=True)
class Terraform:
    """`title` is the product; `path` and `provider` are where its two programs lie."""

    title: str
    path: str
    provider: str
    version: str

    @property
    def name(self) -> str:
        return f"{self.title}, Mongey"

    @property
    def called(self) -> str:
        return Path(self.path).name

    @property
    def does(self) -> str:
        return DOES

    def takes(self, estate: Estate) -> bool:  # noqa: ARG002  # a seam
        return True

    def environment(self, folder: Path, bootstrap: str) -> Mapping[str, str]:  # noqa: ARG002  # a seam
        """CHECKPOINT_DISABLE: nothing is asked of its makers' servers while the clock runs."""
        told = {"TF_CLI_CONFIG_FILE": str(folder / "cli.tfrc")}
        return {**told, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

    def files(self, estate: Estate, folder: Path, bootstrap: str) -> Mapping[str, str]:  # noqa: ARG002  # a seam
        where = json.dumps(str(Path(self.provider).parent))
        values = json.dumps(variables(estate, bootstrap), indent=2) + "\n"
        return {
            "main.tf": MAIN,
            "estate.auto.tfvars.json": values,
            "cli.tfrc": SETTINGS.format(folder=where),
        }

    def command(self, step: Step, estate: Estate, folder: Path) -> Command:  # noqa: ARG002  # a seam
        there = f"-chdir={folder}"
        if step in {Step.CREATE, Step.APPLY_CHANGE}:
            return Command((self.path,), (there, "apply", "-auto-approve", *QUIET))
        told = (there, "plan", "-detailed-exitcode", *QUIET)
        return Command((self.path,), told, code=2 if step is Step.PLAN_CHANGE else 0)


def variables(estate: Estate, bootstrap: str) -> dict[str, Any]:
    """The values of main.tf's variables."""
    return {
        "bootstrap": bootstrap,
        "topics": {
            name: {"partitions": specs.PARTITIONS, "config": dict(config)}
            for name, config in estate.configs().items()
        },
        "acls": {_key(binding): _acl(binding) for binding in estate.grants()},
    }


def _key(binding: Binding) -> str:
    return f"{binding.principal} {binding.operation} {binding.resource} {binding.name}"


def _acl(binding: Binding) -> dict[str, str]:
    return {
        "resource_type": binding.resource.capitalize(),
        "resource_name": binding.name,
        "principal": binding.principal,
        "operation": binding.operation.capitalize(),
    }
