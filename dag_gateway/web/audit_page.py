"""GET /api/audit: who did what, for admins, newest first."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dag_gateway.model.audit import Audited
from dag_gateway.model.timestamps import rfc3339

from .doors import doors
from .fields import AuditQuery, read_query
from .patience import timed


@timed
async def read_audit(request: Request) -> Response:
    """One page; ``next`` is the ``before`` of the page behind it, null on the last one."""
    query = read_query(AuditQuery, request.query_params)
    rows = await doors(request).audit.page(query.filter())
    more = len(rows) == query.limit
    body = {"entries": [audited_json(row) for row in rows], "next": rows[-1].number if more else None}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def audited_json(row: Audited) -> dict[str, Any]:
    """A row as the API shows it. Pure."""
    entry = row.entry
    return {
        "number": row.number,
        "at": rfc3339(entry.at),
        "actor": entry.actor or None,
        "address": entry.address or None,
        "action": entry.action,
        "outcome": entry.outcome,
        "requestId": entry.request_id or None,
        "data": dict(entry.data),
    }
