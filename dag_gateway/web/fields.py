"""What a request may say, as models; their errors name the field and the rule."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from dag_gateway.errors import Invalid
from dag_gateway.model.identity import UnverifiedJob


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it has control characters; only printable ones are allowed")
    return text


def _given(value: object) -> object:
    """A form sends an empty field for a variable that is not set."""
    return None if value == "" else value


Printable = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
Url = Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_printable)]


class JobFields(BaseModel):
    """Who says to be asking, and for which environment (None: the only one of the branch)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    repoUrl: Url  # noqa: N815  the wire name
    jobId: Printable  # noqa: N815  the wire name
    jobToken: SecretStr = Field(min_length=1, max_length=8192)  # noqa: N815  the wire name
    environment: Annotated[Printable | None, BeforeValidator(_given)] = None

    def job(self) -> UnverifiedJob:
        return UnverifiedJob(self.repoUrl, self.jobId, self.jobToken.get_secret_value())


class DeployFields(JobFields):
    """The text fields of an upload."""

    version: Printable


Fields = TypeVar("Fields", bound=BaseModel)


def read_fields(model: type[Fields], values: Mapping[str, Any]) -> Fields:
    """The values as ``model``. Raises Invalid, naming the first wrong field; ``details`` has them all."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [f"{_name(item['loc'])}: {_rule(item)}" for item in error.errors(include_url=False)]
        raise Invalid(problems[0], problems=problems) from None


def _name(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "body"


def _rule(item: Mapping[str, Any]) -> str:
    texts = {
        "missing": "this field is required",
        "string_too_short": "it must not be empty",
        "too_short": "it must not be empty",
        "model_type": "the body must be a JSON object",
    }
    return texts.get(item["type"]) or str(item["msg"]).removeprefix("Value error, ")
