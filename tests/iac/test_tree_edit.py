"""The pure tree edit, on objects in memory."""

import stat

import pytest
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import S_IFGITLINK, Blob, ObjectID, ShaFile, Tree, hex_to_sha
from hypothesis import given, settings
from hypothesis import strategies as st

from dag_gateway.iac import PathRefused
from dag_gateway.iac.reader import Reader, new_object
from dag_gateway.iac.tree import FOLDER, entry_at, files_in, path_parts, replace
from tests.fakes.iac_changes import keep

NAMES = st.text("abc.-_ é", min_size=1, max_size=4).filter(lambda name: name.strip(". ") != "")


def stored(files: dict[str, bytes]) -> tuple[MemoryObjectStore, ObjectID]:
    store = MemoryObjectStore()
    edited = replace(Reader(store.get_raw), None, [], files)
    keep(store, edited.objects)
    return store, edited.root


def with_entry(name: bytes, mode: int) -> tuple[MemoryObjectStore, ObjectID]:
    """A root with one folder ``way`` that holds one entry of a kind that git's porcelain would make."""
    store, way, root, target = MemoryObjectStore(), Tree(), Tree(), Blob.from_string(b"target")
    way.add(name, mode, target.id)
    root.add(b"way", FOLDER, way.id)
    for obj in (target, way, root):
        store.add_object(obj)
    return store, root.id


def test_a_replaced_folder_holds_exactly_the_new_files_and_its_siblings_are_untouched() -> None:
    store, root = stored({"a/b/old": b"1", "a/b/sub/old": b"2", "a/c/kept": b"3", "kept": b"4"})
    edited = replace(Reader(store.get_raw), root, path_parts("a/b"), {"new": b"5"})
    keep(store, edited.objects)
    assert files_in(Reader(store.get_raw), edited.root) == {"a/b/new": b"5", "a/c/kept": b"3", "kept": b"4"}


def test_only_what_the_repository_does_not_have_is_handed_out() -> None:
    store, root = stored({"a/b/same": b"same", "a/b/deep/same": b"deep", "a/b/gone": b"1", "a/c/kept": b"3"})
    edited = replace(
        Reader(store.get_raw), root, path_parts("a/b"), {"same": b"same", "deep/same": b"deep", "new": b"new"}
    )
    kinds = sorted(new.kind for new in edited.objects)
    assert kinds == [Tree.type_num] * 3 + [Blob.type_num]
    assert edited.root not in store


def test_the_same_content_gives_the_same_tree_and_no_objects_at_all() -> None:
    files = {"Chart.yaml": b"name: web\n", "templates/a.yaml": b"a: 1\n"}
    store, root = stored({f"x/{path}": content for path, content in files.items()})
    edited = replace(Reader(store.get_raw), root, path_parts("x"), files)
    assert edited.root == root
    assert {obj.id for obj in edited.objects} <= {root}


def test_missing_folders_on_the_way_are_made() -> None:
    store, root = stored({"kept": b"1"})
    edited = replace(Reader(store.get_raw), root, path_parts("a/b/c"), {"new": b"2"})
    keep(store, edited.objects)
    assert files_in(Reader(store.get_raw), edited.root) == {"a/b/c/new": b"2", "kept": b"1"}


def test_the_trees_of_the_repository_are_never_changed_in_place() -> None:
    store, root = stored({"a/kept": b"1"})
    before = store[root].as_raw_string()
    replace(Reader(store.get_raw), root, path_parts("b"), {"new": b"2"})
    assert store[root].as_raw_string() == before


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=8), min_size=1))
def test_what_is_written_is_read_back(files: dict[str, bytes]) -> None:
    store = MemoryObjectStore()
    try:
        edited = replace(Reader(store.get_raw), None, path_parts("x"), files)
    except PathRefused:
        assert any(path.startswith(f"{other}/") for path in files for other in files)
        return
    for new in edited.objects:
        ShaFile.from_raw_string(new.kind, new.content, verify_sha=new.id).check()
    keep(store, edited.objects)
    assert files_in(Reader(store.get_raw), edited.folder) == files


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("", "''"),
        ("/etc", "''"),
        ("a//b", "''"),
        ("a/", "''"),
        ("a/./b", "'.'"),
        ("../a", "'..'"),
        ("a/../../b", "'..'"),
        ("a/.git/hooks", "'.git'"),
        ("a/.GIT", "'.GIT'"),
        ("git~1/a", "'git~1'"),
        ("a/.g\u200cit", r"'.g\\u200cit'"),
        ("a\\b", r"'a\\\\b'"),
        ("a/b\x00", r"'b\\x00'"),
        ("a/b\n", r"'b\\n'"),
        ("a/\udcff", r"'\\udcff'"),
    ],
)
def test_a_path_that_leaves_the_repository_is_refused_and_its_part_named(path: str, part: str) -> None:
    with pytest.raises(PathRefused, match=f"because of its part {part}: a path is relative"):
        path_parts(path)


@pytest.mark.parametrize(
    ("mode", "what"),
    [
        (stat.S_IFLNK, "a symbolic link"),
        (S_IFGITLINK, "a submodule"),
        (stat.S_IFREG | 0o644, "a file"),
        (stat.S_IFREG | 0o755, "a file"),
    ],
)
@pytest.mark.parametrize("path", ["way/x", "way/x/deeper"])
def test_a_path_leads_through_folders_only(mode: int, what: str, path: str) -> None:
    store, root = with_entry(b"x", mode)
    with pytest.raises(PathRefused, match=f"'way/x' in the repository is {what}; a path leads through folders only"):
        replace(Reader(store.get_raw), root, path_parts(path), {"new": b"1"})


def test_a_name_that_is_file_and_folder_at_once_is_refused() -> None:
    with pytest.raises(PathRefused, match="'a/b' can not be stored: a part of it is also the name of a file"):
        replace(Reader(MemoryObjectStore().get_raw), None, [], {"a": b"1", "a/b": b"2"})
    with pytest.raises(PathRefused, match="'a' can not be stored: it is also the name of a folder"):
        replace(Reader(MemoryObjectStore().get_raw), None, [], {"a/b": b"2", "a": b"1"})


def test_links_and_submodules_in_a_folder_are_no_files() -> None:
    for mode in (stat.S_IFLNK, S_IFGITLINK):
        store, root = with_entry(b"x", mode)
        assert files_in(Reader(store.get_raw), root) == {}


def test_nothing_is_at_a_path_that_does_not_exist() -> None:
    store, root = stored({"a/b/c": b"1"})
    assert entry_at(Reader(store.get_raw), root, path_parts("a/x/y")) is None


def test_a_tree_id_that_names_a_file_is_an_unknown_tree() -> None:
    store = MemoryObjectStore()
    blob = Blob.from_string(b"no tree")
    store.add_object(blob)
    with pytest.raises(KeyError):
        entry_at(Reader(store.get_raw), blob.id, path_parts("a"))


def test_a_tree_of_an_old_tool_with_zeros_before_its_modes_is_written_as_git_writes_it_today() -> None:
    store, root = stored({"a/old": b"1", "kept": b"2"})
    entries = dict(Reader(store.get_raw).entries(root))
    old = b"".join(b"0%o %s\0%s" % (mode, name, hex_to_sha(sha)) for name, (mode, sha) in sorted(entries.items()))
    keep(store, [new_object(Tree.type_num, old)])
    edited = replace(Reader(store.get_raw), new_object(Tree.type_num, old).id, path_parts("a"), {"new": b"3"})
    keep(store, edited.objects)
    assert store.get_raw(edited.root)[1].startswith(b"40000 a\0")
    assert files_in(Reader(store.get_raw), edited.root) == {"a/new": b"3", "kept": b"2"}


@given(st.dictionaries(NAMES, st.binary(max_size=5), min_size=1, max_size=8), st.data())
def test_an_edited_tree_is_the_tree_that_the_library_makes_of_the_same_entries(
    files: dict[str, bytes], data: st.DataObject
) -> None:
    names = list({path_parts(name)[0]: name for name in files}.values())
    store, root = stored({f"{name}/file": files[name] for name in names})
    path = data.draw(st.sampled_from([*names, "aaa", "zzz"]))
    edited = replace(Reader(store.get_raw), root, path_parts(path), {"file": b"new"})
    keep(store, edited.objects)
    expected = Tree()
    for name, (mode, sha) in Reader(store.get_raw).entries(edited.root).items():
        expected.add(name, mode, sha)
    assert edited.root == expected.id
    assert files_in(Reader(store.get_raw), edited.root)[f"{path}/file"] == b"new"
