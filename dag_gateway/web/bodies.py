"""Reading request bodies with their limits enforced while reading."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from json import JSONDecodeError, loads
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from dag_gateway.errors import Invalid, TooLarge, WrongMediaType

_JSON_LIMIT = 64 * 1024
_FORM_OVERHEAD = 256 * 1024
_MAX_FIELDS = 32
_FIELD_LIMIT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form: its text fields, and its one file (None when there is none)."""

    fields: Mapping[str, str]
    file: UploadFile | None


async def read_json(request: Request) -> Any:
    """The JSON body. Raises WrongMediaType, TooLarge or Invalid."""
    _expect(request, "application/json")
    body = b"".join([chunk async for chunk in _limited(request, _JSON_LIMIT)])
    try:
        return loads(body.decode("utf-8"))
    except JSONDecodeError as error:
        raise Invalid(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError:
        raise Invalid("the body is not JSON: it is not UTF-8") from None
    except RecursionError:
        raise Invalid("the body is not acceptable JSON: it is nested too deeply") from None


@asynccontextmanager
async def read_form(request: Request, file_field: str, limit: int) -> AsyncIterator[Form]:
    """The multipart body; the file is spooled, at most ``limit`` bytes, and closed at the end of the context."""
    _expect(request, "multipart/form-data")
    stream = _limited(request, limit + _FORM_OVERHEAD)
    parser = MultiPartParser(request.headers, stream, max_files=1, max_fields=_MAX_FIELDS, max_part_size=_FIELD_LIMIT)
    try:
        data = await parser.parse()
    except MultiPartException as error:
        raise Invalid(f"the multipart body can not be read: {error.message}") from None
    try:
        yield _form(data, file_field, limit)
    finally:
        await data.close()


def _form(data: FormData, file_field: str, limit: int) -> Form:
    fields: dict[str, str] = {}
    file: UploadFile | None = None
    for name, value in data.multi_items():
        if name in fields or (file is not None and name == file_field):
            raise Invalid(f"{name}: the field stands twice")
        if isinstance(value, str):
            fields[name] = value
        elif name == file_field:
            file = value
        else:
            raise Invalid(f"{name}: a text field is expected, not a file")
    if file_field in fields:
        raise Invalid(f"{file_field}: a file is expected, not a text field (curl: -F {file_field}=@FILE)")
    if file is not None and (file.size or 0) > limit:
        raise TooLarge(f"{file_field}: the upload is over the limit of {limit} bytes (server.limits.upload)")
    return Form(fields, file)


def _expect(request: Request, media_type: str) -> None:
    given = request.headers.get("content-type", "")
    if given.split(";", 1)[0].strip().lower() != media_type:
        raise WrongMediaType(f"Content-Type: {media_type} is expected, not {given[:100] or 'nothing'}")


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives; the announced length is checked first, then what really comes."""
    announced = request.headers.get("content-length", "0")
    size = int(announced) if announced.isdecimal() else 0
    if size > limit:
        raise _over(limit)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _over(limit)
        yield chunk


def _over(limit: int) -> TooLarge:
    return TooLarge(f"the request body is over the limit of {limit} bytes")
