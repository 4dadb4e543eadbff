"""Unwrapping: the one place where an answer of the venue becomes a typed model (H9, H15)."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from engine.errors import SchemaError
from tasks.download.models import Envelope

Model = TypeVar("Model", bound=BaseModel)


def unwrap(answer: Any, model: type[Model], what: str) -> Model:
    """The result of an answer as ``model``; SchemaError naming the field that is not as it must be.

    ``answer`` is the decoded JSON of a whole response; its ``retCode`` has been judged before.
    """
    return _validated(model, _validated(Envelope, answer, what).result, what)


def _validated(model: type[Model], value: Any, what: str) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise SchemaError(
            f"the venue's answer to {what} is not as documented: {place}: {first['msg']}",
            hint="nothing of it was used; the venue may have changed its interface",
        ) from None
