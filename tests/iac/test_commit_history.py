"""Questions to a history, on commits in memory."""

from collections.abc import Sequence

from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Blob, Commit, ObjectID

from dag_gateway.iac.commit import make_commit
from dag_gateway.iac.history import HISTORY, Deployments, descends, introduced, recent
from dag_gateway.iac.reader import Reader
from dag_gateway.iac.tree import entry_at, path_parts, replace
from tests.fakes.iac_changes import keep


class Branch:
    """Commits on top of each other, one second apart; ``read`` counts what was looked at."""

    def __init__(self) -> None:
        self.store = MemoryObjectStore()
        self.time = 1_000
        self.reads = 0

    def commit(self, parents: Sequence[ObjectID], deployment: str = "", content: bytes = b"1") -> ObjectID:
        root = self.store[parents[0]] if parents else None
        tree = root.tree if isinstance(root, Commit) else None
        edited = replace(Reader(self.store.get_raw), tree, path_parts("x"), {"file": content})
        self.time += 1
        message = f"subject\n\nDeployment-Id: {deployment}\n" if deployment else "subject\n"
        commit = make_commit(edited.root, parents, message, b"A <a@b>", self.time)
        keep(self.store, edited.objects)
        self.store.add_object(commit)
        return commit.id

    def read(self, sha: ObjectID) -> Commit:
        self.reads += 1
        found = self.store[sha]
        assert isinstance(found, Commit)
        return found


def test_commits_come_newest_first_and_once_each_over_all_parents() -> None:
    branch = Branch()
    base = branch.commit([])
    ours, theirs = branch.commit([base]), branch.commit([base])
    merge = branch.commit([theirs, ours])
    assert [commit.id for commit in recent(branch.read, merge, 10)] == [merge, theirs, ours, base]
    assert [commit.id for commit in recent(branch.read, merge, 2)] == [merge, theirs]
    assert [commit.id for commit in recent(branch.read, merge, 10, {ours, base}.__contains__)] == [merge, theirs]
    assert list(recent(branch.read, merge, 10, {merge}.__contains__)) == []


def test_a_deployment_is_found_behind_a_merge_of_someone_else() -> None:
    branch = Branch()
    base = branch.commit([])
    ours, theirs = branch.commit([base], "d-1"), branch.commit([base])
    assert Deployments().at(branch.read, branch.commit([theirs, ours])).commits == {"d-1": ours}


def test_only_what_came_since_is_read() -> None:
    branch = Branch()
    tip = branch.commit([])
    for number in range(50):
        tip = branch.commit([tip], f"d-{number}")
    known = Deployments().at(branch.read, tip)
    branch.reads = 0
    assert known.at(branch.read, tip) is known
    grown = known.at(branch.read, branch.commit([tip], "d-50"))
    assert branch.reads == 1
    assert len(grown.commits) == 51


def test_a_rewritten_branch_forgets_what_it_lost() -> None:
    branch = Branch()
    base = branch.commit([], "d-0")
    lost = branch.commit([base], "d-1")
    known = Deployments().at(branch.read, lost)
    assert known.at(branch.read, branch.commit([base], "d-2")).commits.keys() == {"d-0", "d-2"}


def test_a_rewind_forgets_what_it_lost() -> None:
    branch = Branch()
    base = branch.commit([], "d-0")
    known = Deployments().at(branch.read, branch.commit([base], "d-1"))
    assert known.at(branch.read, base).commits.keys() == {"d-0"}


def test_of_two_commits_of_one_deployment_the_newest_counts() -> None:
    branch = Branch()
    original = branch.commit([], "d-1")
    copy = branch.commit([original], "d-1", b"2")
    assert Deployments().at(branch.read, copy).commits == {"d-1": copy}


def test_the_search_is_bounded() -> None:
    branch = Branch()
    tip = branch.commit([], "d-old")
    for _ in range(HISTORY):
        tip = branch.commit([tip])
    assert Deployments().at(branch.read, tip).commits == {}
    assert branch.reads <= HISTORY + 1


def test_the_origin_of_a_folder_is_the_commit_that_brought_it() -> None:
    branch = Branch()
    first = branch.commit([], content=b"old")
    second = branch.commit([first], content=b"new")
    tip = branch.commit([branch.commit([second], content=b"new")], content=b"new")
    parts = path_parts("x")
    entry = entry_at(Reader(branch.store.get_raw), branch.read(tip).tree, parts)
    assert entry is not None
    assert introduced(branch.store.get_raw, branch.read, tip, parts, entry) == second


def test_the_origin_of_what_was_there_from_the_start_is_the_first_commit() -> None:
    branch = Branch()
    first = branch.commit([])
    tip = branch.commit([first])
    entry = entry_at(Reader(branch.store.get_raw), branch.read(tip).tree, path_parts("x"))
    assert entry is not None
    assert introduced(branch.store.get_raw, branch.read, tip, path_parts("x"), entry) == first


def test_the_search_for_the_origin_is_bounded_too() -> None:
    branch = Branch()
    line = [branch.commit([])]
    for _ in range(HISTORY + 5):
        line.append(branch.commit([line[-1]]))
    entry = entry_at(Reader(branch.store.get_raw), branch.read(line[0]).tree, path_parts("x"))
    assert entry is not None
    assert introduced(branch.store.get_raw, branch.read, line[-1], path_parts("x"), entry) == line[5]


def test_a_file_that_became_a_folder_is_no_origin() -> None:
    branch = Branch()
    blob = Blob.from_string(b"a file")
    root = replace(Reader(branch.store.get_raw), None, [], {"x": b"a file"})
    file_commit = make_commit(root.root, [], "file", b"A <a@b>", 1)
    folder = replace(Reader(branch.store.get_raw), None, path_parts("x/y"), {"file": b"1"})
    folder_commit = make_commit(folder.root, [file_commit.id], "folder", b"A <a@b>", 2)
    keep(branch.store, [*root.objects, *folder.objects])
    for obj in (blob, file_commit, folder_commit):
        branch.store.add_object(obj)
    parts = path_parts("x/y")
    entry = entry_at(Reader(branch.store.get_raw), folder.root, parts)
    assert entry is not None
    assert introduced(branch.store.get_raw, branch.read, folder_commit.id, parts, entry) == folder_commit.id


def test_a_commit_descends_from_itself_and_from_what_is_behind_it() -> None:
    branch = Branch()
    base = branch.commit([])
    ours, theirs = branch.commit([base]), branch.commit([base])
    merge = branch.commit([theirs, ours])
    assert descends(branch.read, merge, [merge, ours]) == {merge: True, ours: True}
    assert descends(branch.read, theirs, [ours, base]) == {ours: False, base: True}


def test_one_walk_answers_for_many_ancestors() -> None:
    branch = Branch()
    line = [branch.commit([])]
    for _ in range(30):
        line.append(branch.commit([line[-1]]))
    branch.reads = 0
    assert set(descends(branch.read, line[-1], line).values()) == {True}
    assert branch.reads == len(line)
