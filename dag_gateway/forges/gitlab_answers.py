"""What GitLab says of a job, a branch and a tag: the fields that are read, and their types."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("it has characters that can not be printed")
    return value


_Id = Annotated[int, Field(gt=0, lt=2**63)]
_Text = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_printable)]


class _Answered(BaseModel):
    """The fields that are read; a forge may add others at any time."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


class GitlabPipeline(_Answered):
    """The pipeline of a job (``lib/api/entities/ci/pipeline_basic.rb``)."""

    project_id: _Id
    sha: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
    source: _Text | None = None
    """None: an old GitLab; the rules on the ref remain."""


class GitlabUser(_Answered):
    """Who started a job (``lib/api/entities/user.rb``)."""

    username: _Text


class GitlabJob(_Answered):
    """A job as ``GET /api/v4/job`` tells it (GitLab's ``doc/api/jobs.md``, ``lib/api/entities/ci/job_basic.rb``)."""

    id: _Id
    status: _Text
    ref: _Text
    tag: bool
    web_url: _Text
    pipeline: GitlabPipeline
    user: GitlabUser | None = None


class GitlabRef(_Answered):
    """An entry of a list of branches or tags (``lib/api/entities/branch.rb``, ``tag.rb``)."""

    name: str
    protected: bool


JOB = TypeAdapter(GitlabJob)
REFS = TypeAdapter(list[GitlabRef])
