"""Reading request bodies with their limits enforced while reading."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from json import JSONDecodeError, loads
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from dag_gateway.errors import Invalid, TooLarge, WrongMediaType
from dag_gateway.iac import unwritable

from .patience import arriving

_JSON_LIMIT = 64 * 1024
_FORM_OVERHEAD = 256 * 1024
_MAX_FIELDS = 32
_FIELD_LIMIT = 16 * 1024
_CHARSETS = ("utf-8", "us-ascii", "iso-8859-1")


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
    except ValueError:
        # CPython reads integers of at most 4300 digits (sys.set_int_max_str_digits).
        raise Invalid("the body is not acceptable JSON: a number has too many digits") from None
    except RecursionError:
        raise Invalid("the body is not acceptable JSON: it is nested too deeply") from None


@asynccontextmanager
async def read_form(request: Request, file_field: str, limit: int) -> AsyncIterator[Form]:
    """The multipart body; the file is spooled, at most ``limit`` bytes, and closed at the end of the context.

    Raises WrongMediaType, TooLarge or Invalid, and DataDirUnwritable when there is no room for the file.
    """
    _expect(request, "multipart/form-data")
    _expect_charset(request)
    stream = _limited(request, limit + _FORM_OVERHEAD)
    parser = _FormParser(request.headers, stream, max_files=1, max_fields=_MAX_FIELDS, max_part_size=_FIELD_LIMIT)
    with closing(parser):
        yield _form(await _parsed(parser), file_field, limit)


class _FormParser(MultiPartParser):
    """Knows whether the body was whole, and closes files that it does not give out: those of a part without an end."""

    whole = False

    def on_end(self) -> None:
        self.whole = True

    def close(self) -> None:
        for file in self._files_to_close_on_error:
            file.close()


async def _parsed(parser: _FormParser) -> FormData:
    try:
        data = await parser.parse()
    except MultiPartException as error:
        raise Invalid(f"the multipart body can not be read: {error.message}") from None
    except OSError as error:
        # Of the file that a large upload is spooled to; whoever leaves raises something else.
        raise unwritable(error) from error
    if not parser.whole:
        raise Invalid("the multipart body can not be read: it ends before its closing boundary")
    return data


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


def _expect_charset(request: Request) -> None:
    """RFC 7578, section 5.1.2: the charset of a form is UTF-8, whatever is announced; old clients name a part of it."""
    _, parameters = parse_options_header(request.headers["content-type"])
    given = parameters.get(b"charset", b"utf-8").decode("latin-1")
    if given.lower() not in _CHARSETS:
        raise WrongMediaType(f"Content-Type: the charset of a form is utf-8, not {given[:100]}")


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives; the announced length is checked first, then what really comes."""
    announced = request.headers.get("content-length", "0")
    size = int(announced) if announced.isdecimal() else 0
    if size > limit:
        raise _over(limit)
    size = 0
    async for chunk in arriving(request):
        size += len(chunk)
        if size > limit:
            raise _over(limit)
        yield chunk


def _over(limit: int) -> TooLarge:
    return TooLarge(f"the request body is over the limit of {limit} bytes")
