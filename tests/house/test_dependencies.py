"""pyproject.toml says what the course needs; constraints.txt and environment.yml may not say otherwise."""

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [Requirement(text) for text in sum(EXTRAS.values(), PROJECT["dependencies"])]
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M)
}
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_every_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    pin = PINS.get(canonicalize_name(requirement.name))
    assert pin is not None, f"constraints.txt has no pin for {requirement.name}"
    assert requirement.specifier.contains(pin), f"constraints.txt pins {requirement.name}=={pin}"


def test_every_line_of_the_constraints_is_a_pin_or_a_comment() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#") and "==" not in line] == []


def test_conda_installs_the_lab_through_pip_and_nothing_else() -> None:
    python, pip, through_pip = ENVIRONMENT["dependencies"]
    assert python.startswith("python")
    assert pip == "pip"
    assert through_pip == {"pip": ["--constraint constraints.txt", "--editable .[lab]"]}
    assert "lab" in EXTRAS


def test_binder_installs_what_conda_does_with_torch_for_the_cpu() -> None:
    binder = yaml.safe_load((ROOT / "binder/environment.yml").read_text())
    *same, through_pip = binder["dependencies"]
    assert same == ENVIRONMENT["dependencies"][:-1] and binder["channels"] == ENVIRONMENT["channels"]
    constraint, torch_for_the_cpu, course = through_pip["pip"]
    assert (constraint, course) == ("--constraint ../constraints.txt", "--editable ..[lab]")
    assert torch_for_the_cpu in (ROOT / "environment.yml").read_text()  # in a comment: its one switch
    assert os.access(ROOT / "binder/postBuild", os.X_OK)


def test_conda_starts_at_the_oldest_python_the_project_allows() -> None:
    oldest = PROJECT["requires-python"].removeprefix(">=")
    ours = SpecifierSet(ENVIRONMENT["dependencies"][0].removeprefix("python"))
    assert oldest in ours
    assert f">={oldest}" in str(ours).split(",")
