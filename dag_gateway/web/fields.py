"""What a request may say, as models; their errors name the field and the rule."""

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from starlette.datastructures import QueryParams

from dag_gateway.errors import Invalid
from dag_gateway.model.audit import AuditFilter
from dag_gateway.model.identity import UnverifiedJob


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it has control characters; only printable ones are allowed")
    return text


def _given(value: object) -> object:
    """A form sends an empty field for a variable that is not set."""
    return None if value == "" else value


_SHORTEST_SECRET = 16
"""Characters."""

Printable = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
Text = Annotated[str, Field(max_length=255), AfterValidator(_printable)]
Url = Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_printable)]


class JobFields(BaseModel):
    """Who says to be asking, and for which environment (None: the only one of the branch)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    repoUrl: Url  # noqa: N815  the wire name
    jobId: Printable  # noqa: N815  the wire name
    jobToken: SecretStr = Field(min_length=1, max_length=8192)  # noqa: N815  the wire name
    environment: Annotated[Printable | None, BeforeValidator(_given)] = None

    @model_validator(mode="after")
    def _secret(self) -> Self:
        """What stands in other fields is stored and shown. ``repoUrl`` loses the credentials in it, as GitLab's
        CI_REPOSITORY_URL has them; short tokens are those of tests, and part of anything.
        """
        token = self.jobToken.get_secret_value()
        if len(token) < _SHORTEST_SECRET:
            return self
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name != "repoUrl" and isinstance(value, str) and token in value:
                raise ValueError(f"the value of jobToken is part of {name} too; tokens belong into jobToken")
        return self

    def job(self) -> UnverifiedJob:
        return UnverifiedJob(self.repoUrl, self.jobId, self.jobToken.get_secret_value())


class DeployFields(JobFields):
    """The text fields of an upload."""

    version: Printable


class AuditQuery(BaseModel):
    """Which rows of the audit log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    before: Annotated[int | None, Field(ge=1, lt=2**63)] = None
    """Only rows of a smaller number: the ``next`` of the page before."""
    actor: Text | None = None
    action: Text | None = None
    outcome: Text | None = None

    def filter(self) -> AuditFilter:
        return AuditFilter(self.limit, self.before, self.actor, self.action, self.outcome)


Fields = TypeVar("Fields", bound=BaseModel)


def read_fields(model: type[Fields], values: Mapping[str, Any]) -> Fields:
    """The values as ``model``. Raises Invalid, naming the first wrong field; ``details`` has them all."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [f"{_name(item['loc'])}: {_rule(item)}" for item in error.errors(include_url=False)]
        raise Invalid(problems[0], problems=problems) from None


def read_query(model: type[Fields], query: QueryParams) -> Fields:
    """The parameters of the URL as ``model``. Raises Invalid, also where one stands twice or is not known."""
    names = [name for name, _ in query.multi_items()]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise Invalid(f"{twice[:100]}: the parameter stands twice")
    return read_fields(model, dict(query))


def _name(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "body"


def _rule(item: Mapping[str, Any]) -> str:
    texts = {
        "missing": "this field is required",
        "string_too_short": "it must not be empty",
        "too_short": "it must not be empty",
        "model_type": "the body must be a JSON object",
        "extra_forbidden": "there is no such parameter",
    }
    return texts.get(item["type"]) or str(item["msg"]).removeprefix("Value error, ")
