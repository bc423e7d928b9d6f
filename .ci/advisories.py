"""Known vulnerabilities of the dependencies that the image locks. Usage: python .ci/advisories.py

It asks pip-audit, in a virtual environment of its own. The exit code is 1 only if an advisory names
one of the packages. Where there is no advisory data (no network, or an index that has none) it says
so and passes: that nothing was found is never said of what was not looked at.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements" / "image.txt"
LONGEST_S = 120


def main() -> int:
    """Ask, print what was found, and return the exit code."""
    with tempfile.TemporaryDirectory(prefix="advisories-") as folder:
        report = _ask(Path(folder))
    lines, code = verdict(report)
    for line in lines:
        print(f"advisories: {line}")
    return code


def verdict(report: dict[str, Any] | None) -> tuple[list[str], int]:
    """Return what to print of pip-audit's report, None for none, and the exit code."""
    packages = report["dependencies"] if report else []
    checked = [package for package in packages if "vulns" in package]
    if not checked:
        return ["no advisory data here; nothing was checked"], 0
    lines = [
        f"{package['name']} {package['version']}: {finding['id']}, fixed in "
        f"{', '.join(finding['fix_versions']) or 'no release'}"
        for package in checked
        for finding in package["vulns"]
    ]
    findings = len(lines)
    lines.append(f"{len(checked)} of {len(packages)} packages checked, {findings} findings")
    return lines, int(findings > 0)


def _ask(folder: Path) -> dict[str, Any] | None:
    """Return the report of pip-audit, None if it cannot be had."""
    report = folder / "report.json"
    venv.create(folder / "venv", with_pip=True)
    tools = folder / "venv" / "bin"
    install = [str(tools / "pip"), "install", "--quiet", "pip-audit>=2.9,<3"]
    audit = [str(tools / "pip-audit"), "--requirement", str(LOCK), "--disable-pip"]
    audit += ["--require-hashes", "--format", "json", "--output", str(report)]
    try:
        # pip-audit's exit code is 1 for a finding and for a failure; the report tells them apart.
        for command in (install, audit):
            subprocess.run(command, capture_output=True, timeout=LONGEST_S, check=False)
        parsed: dict[str, Any] = json.loads(report.read_text())
        return parsed
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


if __name__ == "__main__":
    sys.exit(main())
