"""Holds every locked package against the published vulnerabilities, and says which could not be looked up.

pip-audit alone reports "no known vulnerabilities" also where it could look up nothing. Here a package that could not be
looked up is a failure like a vulnerable one: exit code 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-test.lock", "requirements-world.lock", "requirements-supply.lock")


def main() -> int:
    """Prints what was found; 0 only where every package was looked up and none is vulnerable."""
    words = [word for lock in LOCKS for word in ("-r", lock)]
    command = [str(Path(sys.executable).parent / "pip-audit"), "--require-hashes", "--disable-pip", "--format", "json"]
    done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"nothing could be looked up: {done.stderr.strip()[-500:]}")
        return 1
    unknown = [entry["name"] for entry in found if "skip_reason" in entry]
    vulnerable = [(entry, known) for entry in found for known in entry.get("vulns", ())]
    for entry, known in vulnerable:
        fixed = ", ".join(known["fix_versions"]) or "no version yet"
        print(f"{entry['name']} {entry['version']}: {known['id']}, fixed in {fixed}")
    print(f"{len(found)} packages: {len(vulnerable)} known vulnerabilities, {len(unknown)} could not be looked up")
    if unknown:
        print(f"could not be looked up: {', '.join(unknown)}")
    return 1 if vulnerable or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
