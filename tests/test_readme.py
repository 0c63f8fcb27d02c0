"""What the README shows is what the repository holds: the table, the snippet's output, the files it names."""

import contextlib
import io
import re

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_is_the_references_own() -> None:
    shown = re.search(r"<!-- (results/reference/\S+\.md) -->\n(.*?)<!-- end -->", README, re.S)
    assert shown
    assert shown[2].strip() == (ROOT / shown[1]).read_text(encoding="utf-8").strip()


def test_the_snippet_prints_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"```python\n(from pathlib.*?)```\n\n```text\n(.*?)```", README, re.S)
    assert found
    monkeypatch.chdir(ROOT)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(found[1], "README.md", "exec"), {})
    assert [line.rstrip() for line in said.getvalue().splitlines()] == [line.rstrip() for line in found[2].splitlines()]


def test_linked_and_named_files_exist() -> None:
    targets = set(re.findall(r"\]\(([^)#]+)\)", README)) | set(
        re.findall(r"`((?:config|docs|sgn|tests|rules)/[^` ]*)`", README)
    )
    missing = [t for t in targets if not t.startswith("http") and not (ROOT / t).exists()]
    assert not missing


def test_numbers_in_the_text_stand_in_the_table_that_it_links() -> None:
    found = re.search(r"- `synthetic`: (.*?)\(\[efficiency\]", README, re.S)
    assert found
    table = (ROOT / "results/reference/default@epyc-2core/tables/efficiency.md").read_text(encoding="utf-8")
    numbers = re.findall(r"\d\.\d{3}", found[1])
    assert len(numbers) == 3
    for row, number in zip(("BERT+GCN", "Oracle: text", "Oracle: all"), numbers, strict=True):
        assert re.search(rf"\| {re.escape(row)} *\| {number} ", table), row


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README


def test_the_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.M):
        assert f"\n{target}:" in makefile
