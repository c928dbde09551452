"""How claims are read: a table for each forge of what must be there, what may be, and what is known and not needed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dag_gateway.errors import Unverified
from dag_gateway.model.identity import RefKind, UnverifiedJob

REGISTERED = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})
"""Claims of every ID token. ``sub`` is never read: its format differs from project to project and can be configured."""


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("it has characters that can not be printed")
    return value


def _number(value: object) -> object:
    """Forges write ids as strings, and some of them as numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _told(value: object) -> object:
    """Actions forges write an empty string for what a run does not have."""
    return None if value == "" else value


Text = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_printable)]
ProjectPath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$", max_length=1024)]
Id = Annotated[str, BeforeValidator(_number), Field(pattern=r"^[0-9]{1,20}$")]
Flag = Literal["true", "false"]
MaybePath = Annotated[ProjectPath | None, BeforeValidator(_told)]
MaybeText = Annotated[Text | None, BeforeValidator(_told)]
MaybeId = Annotated[Id | None, BeforeValidator(_told)]
MaybeFlag = Annotated[Flag | None, BeforeValidator(_told)]


REF_KINDS = {"branch": RefKind.BRANCH, "tag": RefKind.TAG}
REF_PATHS = {"branch": "refs/heads/", "tag": "refs/tags/"}
"""What the claim ``ref_type`` can say, at all forges."""


class Claims(BaseModel):
    """The table of a forge: a field without a default must be there, one with a default may be.

    ``ignored`` are names that are known and not needed; a ``*`` at the end stands for any rest. They are listed so
    that a claim which is new at the forge is noticed.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    ignored: ClassVar[frozenset[str]] = frozenset()


C = TypeVar("C", bound=Claims)

Rule = Callable[[C, UnverifiedJob], str | None]
"""Says what is broken, or None. All rules must hold; the first that does not is told."""


def read_claims(table: type[C], claims: Mapping[str, Any], forge: str) -> C:
    """The claims that the table knows. Raises Unverified, naming the first that is missing or of another shape."""
    try:
        return table.model_validate(claims)
    except ValidationError as error:
        raise Unverified(f"the ID token of forge {forge!r} {_problem(error)}") from error


def unknown_claims(table: type[Claims], claims: Iterable[str]) -> list[str]:
    """Names that are in no table, in order."""
    known = {*table.model_fields, *table.ignored, *REGISTERED}
    prefixes = tuple(name[:-1] for name in table.ignored if name.endswith("*"))
    return sorted(name for name in claims if name not in known and not name.startswith(prefixes or ("\0",)))


def check_rules(rules: Iterable[Rule[C]], claims: C, job: UnverifiedJob) -> None:
    """Raises Unverified with the first rule that is broken."""
    for rule in rules:
        if broken := rule(claims, job):
            raise Unverified(broken)


def _problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(problem["loc"][0])
    if problem["type"] == "missing":
        return f"has no claim {name}, which is needed to tell what the job is"
    return f"has a claim {name} of an unknown shape: {problem['msg'].removeprefix('Value error, ')}"
