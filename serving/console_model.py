"""The console's page of the model and the policy that serve, and the latest drift page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from starlette.responses import Response

from receivables.config import home
from serving.console import HEADERS, Visit
from serving.handlers import Call, current_model
from serving.problems import refuse

#: The page runs the script that it holds, as if on a site of its own: it reaches neither session nor network.
_SANDBOX: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)


def model(visit: Visit) -> Response:
    """`GET /console/model`: what answers orders now."""
    drift = _drift()
    facts = {
        "model": json.loads(current_model(visit.state, Call(caller=visit.caller)).body),
        "approvals": visit.state.tools.policy.approvals,
        "drift": drift.stem.removeprefix("drift-").replace("_", " to ") if drift else None,
    }
    return visit.page("model", facts)


def drift(visit: Visit) -> Response:
    """`GET /console/drift`: the newest page that `otcrisk drift` wrote; raises ApiError NOT_FOUND without one."""
    page = _drift()
    if page is None:
        raise refuse("NOT_FOUND", "no drift page was written yet; see otcrisk drift")
    return Response(page.read_bytes(), 200, {**HEADERS, "Content-Security-Policy": _SANDBOX}, "text/html")


def _drift() -> Path | None:
    return max((home() / "reports").glob("drift-*.html"), key=lambda file: file.stat().st_mtime, default=None)
