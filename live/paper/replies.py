"""What the venue answers with: its envelope, its refusals, its way of writing numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from starlette.responses import Response

PARAMS_ERROR = 10001


class RequestRefused(Exception):
    """A request the venue answers with a retCode; ``code`` as its documentation lists them."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def envelope(
    result: dict[str, Any], now_ms: int, code: int = 0, message: str = "OK"
) -> dict[str, Any]:
    """The frame every answer has."""
    return {
        "retCode": code,
        "retMsg": message,
        "result": result,
        "retExtInfo": {},
        "time": now_ms,
    }


def json_response(document: dict[str, Any], headers: dict[str, str]) -> Response:
    """An answer as it goes over the wire."""
    return Response(encoded(document), media_type="application/json", headers=headers)


def encoded(document: dict[str, Any]) -> bytes:
    """The bytes of an answer."""
    return json.dumps(document, separators=(",", ":")).encode()


def number_text(value: float) -> str:
    """A float as plain decimal text, shortest that reads back the same: 17071, 0.00001."""
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")
