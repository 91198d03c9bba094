"""Studies that extend another: the merge, null, the order of keys, positions of errors, chains and hostile files."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkouts import ROOT
from hypothesis import example, given, settings
from hypothesis import strategies as st

from supernet.config.inheritance import MOST_FILES, StudyFile
from supernet.config.merging import Tree, in_order, merge, plain, tree
from supernet.config.reference import page_text
from supernet.config.study import Study, load_study
from supernet.config.yamlfile import YamlFile
from supernet.errors import UserError

# Line numbers in the cases below count from `study: base` as line 1.
BASE = """\
study: base
title: The parent
data:
  name: digits
  scoring_portion: 0.25
pool:
  size: 10
landscape: {grid: 5}
spaces:
  nasbench201:
    truth: {channels: 8, layers: 1, epochs: 20, train_portion: 0.75}
    baseline: {train_portion: 0.75}
    seeds: [0, 1]
    sweep_seeds: [0]
    sweep:
      learning_rate: [0.05, 0.1]
      epochs: [60, 180]
  darts:
    truth: {channels: 8, layers: 3, epochs: 20, train_portion: 0.75}
    baseline: {train_portion: 0.75}
"""
HEAD = "study: case\ntitle: A child\nextends: base\n"


def write(folder: Path, **files: str) -> Path:
    """Write files named `{key}.yaml`, and return the path of `case.yaml`."""
    for name, text in {"base": BASE, **files}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / "case.yaml"


def child(folder: Path, text: str, **files: str) -> Study:
    """Return the study of a child of `BASE` with this text."""
    return load_study(write(folder, case=HEAD + text, **files))


def errors(folder: Path, case: str, **files: str) -> list[str]:
    """Return the errors in a file `case.yaml`, without the folder's name."""
    path = write(folder, case=case, **files)
    with pytest.raises(UserError) as caught:
        load_study(path)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


class TestMerge:
    def test_a_child_has_all_that_it_does_not_write(self, tmp_path: Path) -> None:
        study, base = child(tmp_path, ""), load_study(tmp_path / "base.yaml")
        assert (study.study, study.title) == ("case", "A child")
        assert study.model_copy(update={"study": base.study, "title": base.title}) == base

    def test_mappings_are_merged_and_values_and_lists_replaced(self, tmp_path: Path) -> None:
        text = """
seed: 3
data: {crop_padding: 1}
spaces:
  nasbench201:
    seeds: [7]
    sweep: {learning_rate: [0.2], dropout: [none, path-0.2]}
"""
        study = child(tmp_path, text)
        assert (study.seed, study.data.crop_padding, study.data.scoring_portion) == (3, 1, 0.25)
        space = study.spaces["nasbench201"]
        assert (space.seeds, space.sweep["learning_rate"], space.sweep["epochs"]) == ((7,), (0.2,), (60, 180))
        assert space.truth == load_study(tmp_path / "base.yaml").spaces["nasbench201"].truth

    def test_an_empty_mapping_changes_nothing(self, tmp_path: Path) -> None:
        study = child(tmp_path, "landscape: {}\nspaces: {nasbench201: {sweep: {}}}\n")
        assert study.landscape is not None and study.landscape.grid == 5
        assert set(study.spaces["nasbench201"].sweep) == {"learning_rate", "epochs"}

    def test_the_whole_chain_is_merged(self, tmp_path: Path) -> None:
        middle = "study: middle\ntitle: The middle\nextends: base\nseed: 4\npool: {size: 20}\n"
        study = load_study(write(tmp_path, middle=middle, case=HEAD.replace("base", "middle") + "pool: {shards: 2}\n"))
        assert (study.seed, study.pool.size, study.pool.shards, study.data.name) == (4, 20, 2, "digits")
        assert study.title == "A child"

    def test_a_parent_need_not_be_complete(self, tmp_path: Path) -> None:
        parts = "data: {name: digits}\npool: {size: 10}\n"
        spaces = "".join(BASE.partition("spaces:")[1:])
        text = "data: {scoring_portion: 0.25}\n" + spaces
        study = load_study(write(tmp_path, parts=parts, case=HEAD.replace("base", "parts") + text))
        assert (study.data.name, study.pool.size) == ("digits", 10)


class TestNull:
    def test_an_optional_section_a_space_a_factor_and_a_value_are_removed(self, tmp_path: Path) -> None:
        text = """
landscape: null
pool: {size: null}
spaces:
  darts: null
  nasbench201: {sweep_seeds: null, sweep: {learning_rate: null}, baseline: {train_portion: 0.5}}
"""
        study = child(tmp_path, text)
        assert (study.landscape, study.pool.size) == (None, 200)
        assert list(study.spaces) == ["nasbench201"]
        assert list(study.settings("nasbench201")) == ["baseline", "epochs=60", "epochs=180"]
        assert study.seeds("nasbench201", "epochs=60") == (0, 1)

    def test_a_section_whose_keys_all_have_defaults_is_reset(self, tmp_path: Path) -> None:
        study = child(tmp_path, "metrics: null\n", base=BASE.replace("landscape:", "metrics: {top: 3}\nlandscape:"))
        assert study.metrics.top == 5

    def test_a_whole_mapping_is_removed_and_filled_again_further_down(self, tmp_path: Path) -> None:
        middle = "extends: base\nspaces: {nasbench201: {sweep: null}}\n"
        text = "spaces: {nasbench201: {sweep: {batch_size: [64]}}}\n"
        study = load_study(write(tmp_path, middle=middle, case=HEAD.replace("base", "middle") + text))
        assert list(study.spaces["nasbench201"].sweep) == ["batch_size"]

    def test_the_authors_preset_sets_what_null_removes(self, tmp_path: Path) -> None:
        base = BASE + "protocol: {bn_momentum: 0.2, nasbench101_widths: benchmark}\n"
        text = "fidelity: authors_code\nscoring: {splits: [scoring, test]}\n"
        study = child(tmp_path, f"{text}protocol: {{bn_momentum: null}}\n", base=base)
        assert (study.protocol.bn_momentum, study.protocol.nasbench101_widths) == ("authors_code", "benchmark")
        assert child(tmp_path, text, base=base).protocol.bn_momentum == 0.2

    def test_a_null_that_the_type_allows_may_remove_nothing(self, tmp_path: Path) -> None:
        assert child(tmp_path, "searches: null\ndata: {resolution: null}\n").searches is None

    def test_every_key_that_may_be_null_has_null_as_its_default(self) -> None:
        """Otherwise null could mean two things: the value null, and the default of a key that is removed."""
        found = list(_nullable(Study.model_json_schema()))
        assert {"landscape", "sweep_seeds", "test_portion"} <= {name for name, _ in found}
        assert [name for name, default in found if default is not None] == []

    @pytest.mark.parametrize(
        ("text", "expected"),
        {
            "searchesx: null": "searchesx: found None; unknown key; did you mean 'searches'? allowed here: ",
            "spaces: {dart: null}": "spaces.dart: found None; unknown space; did you mean 'darts'? ",
            "protocol: null": "protocol: found None; should be a mapping of keys to values; base.yaml has nothing that "
            "null could remove here",
            "pool: {shards: null}": "pool.shards: found None; should be an integer; base.yaml has nothing ",
            "spaces: {darts: {sweep: {epochs: null}}}": "spaces.darts.sweep.epochs: found None; should be a list of "
            "values, or `paper`; base.yaml has nothing ",
        }.items(),
    )
    def test_a_null_that_removes_nothing_is_an_error(self, tmp_path: Path, text: str, expected: str) -> None:
        assert "\n".join(errors(tmp_path, f"{HEAD}{text}\n")).startswith(f"case.yaml:4: {expected}")

    def test_a_required_key_cannot_be_removed(self, tmp_path: Path) -> None:
        found = errors(tmp_path, f"{HEAD}data: null\nspaces: {{darts: {{truth: {{epochs: null}}}}}}\n")
        assert found == [
            "case.yaml:4: data: nothing; this key is required; null here removes the value of base.yaml",
            "case.yaml:5: spaces.darts.truth.epochs: nothing; this key is required; null here removes the value "
            "of base.yaml",
        ]

    def test_the_removed_value_of_a_default_that_does_not_fit_is_named(self, tmp_path: Path) -> None:
        base = BASE.replace("landscape", "metrics: {top: 3}\nlandscape")
        (found,) = errors(tmp_path, f"{HEAD}metrics: null\npool: {{size: 4}}\n", base=base)
        assert found.startswith("case.yaml:4: metrics.top: found 5 (a default, not in the file); the pool has 4 arch")
        assert found.endswith("null here removes the value of base.yaml")
        (found,) = errors(tmp_path, f"{HEAD}metrics: {{top: null}}\npool: {{size: 4}}\n", base=base)
        assert found.startswith("case.yaml:4: metrics.top: found 5 (a default, not in the file); the pool has 4 arch")


def _nullable(schema: Any) -> Any:
    """Yield name and default of each key of the models that may be null."""
    if isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            if {"type": "null"} in value.get("anyOf", ()):
                yield name, value.get("default", "required")
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _nullable(part)


class TestOrder:
    @pytest.mark.parametrize(
        ("known", "written", "expected"),
        [
            ("abc", "", "abc"),
            ("abc", "b", "abc"),
            ("abc", "x", "abcx"),
            ("abc", "cx", "abcx"),
            ("abc", "ax", "abcx"),
            ("abc", "xa", "xabc"),
            ("abc", "cab", "cab"),
            ("lebp", "blwpx", "blewpx"),
        ],
    )
    def test_written_keys_have_the_order_of_the_file(self, known: str, written: str, expected: str) -> None:
        assert "".join(in_order(known, written)) == expected

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9), unique=True))
    def test_each_key_is_there_once_and_both_orders_are_kept(self, known: list[int], written: list[int]) -> None:
        first, second = [list(map(str, keys)) for keys in (known, written)]
        found = in_order(first, second)
        assert sorted(found) == sorted({*first, *second})
        assert [name for name in found if name in second] == second
        inherited = [name for name in first if name not in second]
        if not set(first) & set(second):
            assert found == inherited + second

    def test_a_new_space_and_a_new_factor_come_last(self, tmp_path: Path) -> None:
        text = """
spaces:
  nasbench101: {truth: {channels: 8, layers: 3, epochs: 20, train_portion: 0.75}, baseline: {train_portion: 0.75}}
  nasbench201: {sweep: {dropout: [none, path-0.2]}}
"""
        study = child(tmp_path, text)
        assert list(study.spaces) == ["nasbench101", "nasbench201", "darts"]
        assert list(study.spaces["nasbench201"].sweep) == ["learning_rate", "epochs", "dropout"]


class TestErrors:
    def test_each_error_names_the_file_and_line_that_wrote_the_value(self, tmp_path: Path) -> None:
        base = BASE.replace("size: 10", "size: 10\n  shards: 0").replace("title:", "sede: 1\ntitle:")
        found = errors(tmp_path, f"{HEAD}seed: x\ndata: {{flip: 1}}\npool: {{sizes: 3}}\n", base=base)
        assert [re.sub(r"; .*(?= \()|;.*", "", line) for line in found] == [
            "case.yaml:4: seed: found 'x'",
            "case.yaml:5: data.flip: found 1",
            "case.yaml:6: pool.sizes: found 3",
            "base.yaml:2: sede: found 1 (inherited by case.yaml)",
            "base.yaml:9: pool.shards: found 0 (inherited by case.yaml)",
        ]

    def test_a_value_of_the_parent_that_the_child_makes_wrong_is_found_at_the_parent(self, tmp_path: Path) -> None:
        (found,) = errors(tmp_path, f"{HEAD}pool: {{size: 4}}\n", base=BASE + "metrics: {top: 9}\n")
        assert found.startswith("base.yaml:21: metrics.top: found 9; the pool has 4 architectures: at most that many")
        assert found.endswith(" (inherited by case.yaml)")

    def test_a_wrong_value_of_a_parent_that_is_replaced_is_not_an_error(self, tmp_path: Path) -> None:
        assert child(tmp_path, "pool: {size: 12}\n", base=BASE.replace("size: 10", "size: many")).pool.size == 12

    def test_an_item_of_a_list_and_a_missing_key_have_the_line_of_the_file_that_wrote_them(
        self, tmp_path: Path
    ) -> None:
        base = BASE.replace("[0.05, 0.1]", "[0.05,\n       x]")
        text = "spaces:\n  darts:\n    truth: 3\n  nasbench101:\n    truth: {epochs: 3, train_portion: 0.75}\n"
        middle = f"extends: base\n{text}    baseline: {{train_portion: 0.75}}\n"
        case = f"{HEAD}spaces: {{darts: {{truth: {{layers: 3, train_portion: 0.75}}}}}}\n".replace("base", "middle")
        found = errors(tmp_path, case, base=base, middle=middle)
        places = [re.sub(": (found|nothing).*", "", line) for line in found]
        assert places == [
            "case.yaml:4: spaces.darts.truth.channels",
            "case.yaml:4: spaces.darts.truth.epochs",
            "middle.yaml:6: spaces.nasbench101.truth.channels",
            "middle.yaml:6: spaces.nasbench101.truth.layers",
            "base.yaml:17: spaces.nasbench201.sweep.learning_rate.1",
        ]

    @pytest.mark.parametrize("key", ["study", "title"])
    def test_name_and_title_are_not_inherited(self, tmp_path: Path, key: str) -> None:
        case = re.sub(rf"^{key}: .*\n", "", HEAD, flags=re.MULTILINE)
        assert errors(tmp_path, case) == [
            f"case.yaml:1: {key}: nothing; this key is required; it is not inherited from base.yaml"
        ]

    def test_the_name_is_that_of_the_childs_file(self, tmp_path: Path) -> None:
        (found,) = errors(tmp_path, HEAD.replace("study: case", "study: base"))
        assert found == "case.yaml:1: study: found 'base'; should be the name of the file: 'case'"

    def test_a_misspelt_extends_is_an_unknown_key(self, tmp_path: Path) -> None:
        found = errors(tmp_path, BASE.replace("study: base", "study: case\nextend: base"))
        assert found[0].startswith("case.yaml:2: extend: found 'base'; unknown key; did you mean 'extends'? ")

    def test_a_syntax_error_of_the_parent_names_the_parent(self, tmp_path: Path) -> None:
        assert errors(tmp_path, HEAD, base="a: [\n") == [
            "base.yaml:2: not valid YAML: did not find expected node content"
        ]


class TestParents:
    def test_a_name_is_a_study_of_the_folder_or_of_the_checkout(self, tmp_path: Path) -> None:
        assert load_study(write(tmp_path, case=HEAD.replace("base", "mini"))).seed == 20
        assert load_study(write(tmp_path, case=HEAD.replace("base", "mini"), mini=BASE)).seed == 0

    def test_another_folder_of_studies(self, tmp_path: Path) -> None:
        (tmp_path / "studies").mkdir()
        write(tmp_path / "studies", mini=BASE)
        path = write(tmp_path, case=HEAD.replace("base", "mini"))
        assert load_study(path, tmp_path / "studies").seed == 0

    def test_a_path_is_relative_to_the_file_that_names_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a" / "b").mkdir(parents=True)
        write(tmp_path / "a")
        (tmp_path / "a" / "b" / "middle.yml").write_text("extends: ../base.yaml\nseed: 9\n")
        path = write(tmp_path, case=HEAD.replace("base", "a/b/middle.yml"))
        monkeypatch.chdir(tmp_path / "a")
        assert load_study(path).seed == 9
        assert load_study(Path("../case.yaml")).seed == 9
        path.write_text(HEAD.replace("base", str(tmp_path / "a" / "base.yaml")))
        assert load_study(path).data.name == "digits"

    def test_null_extends_nothing(self, tmp_path: Path) -> None:
        study = load_study(write(tmp_path, case=BASE.replace("study: base", "study: case\nextends: null")))
        assert study.pool.size == 10

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("bse", "found 'bse'; expected a study of this folder or of workflow/studies; did you mean 'base'? allowed "
             "here: base, cifar10, cifar10-jpeg, heuristics, midi, mini, paper"),
            ("./bse.yaml", "found './bse.yaml'; bse.yaml: no such file; did you mean 'base.yaml'? allowed here: "),
            ("gone/base.yaml", "found 'gone/base.yaml'; gone/base.yaml: no such file"),
            ("sub.yaml", "found 'sub.yaml'; sub.yaml: no such file"),
            ("../base", "found '../base'; expected the name of a study, or a path that ends in .yaml"),
            ("~/base", "found '~/base'; expected the name of a study, or a path that ends in .yaml"),
            ("''", "found ''; expected the name of a study, or the path of a YAML file"),
            ("[base, mini]", "found ['base', 'mini']; expected the name of a study, or the path of a YAML file"),
            ("3", "found 3; expected the name of a study, or the path of a YAML file"),
            (f"{'x' * 5000}", "found 'xxxx"),
            (f"{'x' * 5000}.yaml", "found 'xxxx"),
        ],
    )  # fmt: skip
    def test_a_parent_that_cannot_be_found(self, tmp_path: Path, value: str, expected: str) -> None:
        (tmp_path / "sub.yaml").mkdir()
        (found,) = errors(tmp_path, HEAD.replace("extends: base", f"extends: {value}"))
        assert found.startswith(f"case.yaml:3: extends: {expected}")

    def test_a_missing_grandparent_is_named_in_the_file_that_names_it(self, tmp_path: Path) -> None:
        (found,) = errors(tmp_path, HEAD, base="seed: 1\nextends: bas\n")
        assert found.startswith("base.yaml:2: extends: found 'bas'; expected a study of this folder")

    @pytest.mark.parametrize("names", [["case"], ["a", "case"], ["a", "b", "a"]])
    def test_a_cycle_is_an_error_that_names_the_chain(self, tmp_path: Path, names: list[str]) -> None:
        chain = ["case", *names]
        files = {name: f"extends: {parent}\n" for name, parent in pairwise(names)}
        case = HEAD.replace("base", names[0])
        (found,) = errors(tmp_path, case, **{name: text for name, text in files.items() if name != "case"})
        last = chain[-2]
        line = 3 if last == "case" else 1
        shown = " extends ".join(f"{name}.yaml" for name in chain)
        assert (
            found
            == f"{last}.yaml:{line}: extends: found '{chain[-1]}'; the files extend each other in a circle: {shown}"
        )

    def test_a_cycle_through_a_link_ends(self, tmp_path: Path) -> None:
        (tmp_path / "other.yaml").symlink_to(tmp_path / "case.yaml")
        (found,) = errors(tmp_path, HEAD.replace("base", "other"))
        assert found.endswith("in a circle: case.yaml extends other.yaml")

    def test_a_chain_has_an_end(self, tmp_path: Path) -> None:
        files = {f"s{n}": f"extends: s{n + 1}\n" for n in range(1, MOST_FILES)}
        path = write(tmp_path, case=HEAD.replace("base", "s2"), **files, **{f"s{MOST_FILES}": BASE})
        assert load_study(path).pool.size == 10
        (found,) = errors(tmp_path, HEAD.replace("base", "s1"))
        assert (
            found
            == f"s9.yaml:1: extends: found 's10'; case.yaml is the start of a chain of more than {MOST_FILES} files"
        )

    def test_a_parent_is_read_within_the_limits_of_any_file(self, tmp_path: Path) -> None:
        bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
        assert errors(tmp_path, HEAD, base=bomb) == [
            "base.yaml:6: has more than 300000 values, with those that aliases repeat"
        ]

    def test_a_whole_study_opens_no_other_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path, opened = write(tmp_path, case=HEAD), []
        read = YamlFile.read.__func__  # type: ignore[attr-defined]
        monkeypatch.setattr(YamlFile, "read", classmethod(lambda cls, one: (opened.append(one), read(cls, one))[1]))
        with pytest.raises(UserError, match=r"case\.yaml:3: extends: found 'base'; expected a study with all"):
            StudyFile.read_whole(path)
        assert opened == [path]
        assert StudyFile.read_whole(tmp_path / "base.yaml").data["pool"] == {"size": 10}


VALUES = st.recursive(
    st.none() | st.integers(0, 1) | st.just([0]),
    lambda inner: st.fixed_dictionaries({}, optional={"a": inner, "b": inner}),
    max_leaves=5,
)
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp", "Cn", "Co"]))
NUMBERS = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
WRITTEN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=10,
)
LAYERS = st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES})


def _tree(data: Any, name: str) -> Tree:
    return tree(data, YamlFile(Path(name), data, {}))


def _normal(value: Any) -> Any:
    """Return a value in which True and 1 differ, and the order of keys does not count."""
    return {key: _normal(one) for key, one in sorted(value.items())} if isinstance(value, dict) else repr(value)


class TestProperties:
    @settings(max_examples=600, deadline=None)
    @given(LAYERS, LAYERS, LAYERS, LAYERS)
    @example({"a": {"a": 1}}, {"a": 0}, {"a": {}}, {"a": {}})
    def test_the_merge_along_a_chain_is_associative(self, first: Any, second: Any, third: Any, fourth: Any) -> None:
        a, b, c, d = map(_tree, (first, second, third, fourth), "abcd")
        in_turn = _normal(plain(merge(merge(merge(a, b), c), d)))
        assert _normal(plain(merge(a, merge(b, merge(c, d))))) == in_turn
        assert _normal(plain(merge(a, merge(merge(b, c), d)))) == in_turn
        assert _normal(plain(merge(merge(a, b), merge(c, d)))) == in_turn

    @settings(deadline=None)
    @given(LAYERS)
    def test_nothing_is_changed_by_nothing(self, data: Any) -> None:
        assert plain(merge(_tree(data, "a"), _tree({}, "b"))) == data == plain(merge(_tree({}, "a"), _tree(data, "b")))

    @settings(deadline=None)
    @given(LAYERS, LAYERS)
    def test_what_the_child_writes_is_in_the_result(self, first: Any, second: Any) -> None:
        merged = plain(merge(_tree(first, "a"), _tree(second, "b")))
        for name, value in second.items():
            if value is None:
                # Removed, or null in a place where the parent has no value either.
                assert merged.get(name) is None
            elif isinstance(value, dict):
                assert isinstance(merged[name], dict)
            else:
                assert merged[name] == value
        assert set(merged) <= {*first, *second}

    @settings(deadline=None)
    @given(st.dictionaries(st.text("abcxyz_", min_size=1), WRITTEN, min_size=1))
    def test_the_text_of_a_merged_study_has_its_values(self, tmp_path_factory: Any, data: dict[str, Any]) -> None:
        folder = tmp_path_factory.mktemp("text")
        files = (YamlFile(Path("case.yaml"), data, {}), YamlFile(Path("base.yaml"), {}, {}))
        text = StudyFile(files).text()
        (folder / "case.yaml").write_text(text, encoding="utf-8")
        read = YamlFile.read(folder / "case.yaml").data
        assert repr(read) == repr(data)
        assert text.startswith("# All values of a study that extends another one: case.yaml extends base.yaml.\n")


def test_the_text_of_a_merged_study_is_the_same_study(tmp_path: Path) -> None:
    study = load_study(ROOT / "workflow" / "studies" / "midi.yaml")
    path = tmp_path / "midi.yaml"
    path.write_text(StudyFile.read(ROOT / "workflow" / "studies" / "midi.yaml").text(), encoding="utf-8")
    assert load_study(path) == study
    assert load_study(path).model_dump_json() == study.model_dump_json()
    assert "extends" not in yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_example_of_the_reference_is_what_the_page_says(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", page_text(), re.DOTALL)
    (example,) = (text for text in examples if "extends:" in text)
    path = tmp_path / f"{yaml.safe_load(example)['study']}.yaml"
    path.write_text(example, encoding="utf-8")
    study, mini = load_study(path), load_study(ROOT / "workflow" / "studies" / "mini.yaml")
    assert (study.seed, study.pool.size, study.pool.seeds, study.pool.repeated) == (7, 16, 1, 0)
    assert study.landscape is None and study.standalone is None and list(study.spaces) == ["nasbench201"]
    swept = [factor for factor in mini.spaces["nasbench201"].sweep if factor != "epochs"]
    assert list(study.spaces["nasbench201"].sweep) == [*swept, "dropout"]
