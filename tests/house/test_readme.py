"""What README.md and the docs say is true: it is the first thing that anybody tries."""

import io
import re
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.cli.commands import run
from tests.house.source import ROOT

README = ROOT / "README.md"


def fenced(text: str) -> list[tuple[str, str]]:
    """The fenced blocks with their languages, each on the lines where it stands in the file."""
    fences = re.finditer(r"^```(\w*)[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(fence[1], "\n" * text.count("\n", 0, fence.start(2)) + fence[2]) for fence in fences]


def blocks(text: str, *languages: str) -> list[str]:
    """The fenced blocks of some languages."""
    return [block for language, block in fenced(text) if language in languages]


def without_rounding(text: str) -> str:
    """A text in which all numbers of the size of rounding are the same: they differ from machine to machine."""
    return re.sub(r"\d(\.\d+)?e-(09|[1-9]\d)", "rounding", text.strip("\n"))


def shell(text: str) -> str:
    """What a reader would type into a shell: shell blocks and `code` within a line, without comments."""
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return re.sub(r"(^|\s)#.*", "", "\n".join(blocks(text, "", "bash", "sh", "shell", "console") + inline))


def called(program: str, text: str) -> set[str]:
    """The first words that follow a program's name in what a reader would type: `make test` gives `test`."""
    return set(re.findall(rf"(?:^|[;&|$]) *(?:\S*/)?{program} +([a-z][\w-]*)", shell(text), re.MULTILINE))


PAGES = [
    "README.md",
    "docs/guide.md",
    "docs/why_is_my_loss_stuck.md",
    "docs/which_o2.md",
    "docs/is_my_model_equivariant.md",
    "docs/speed.md",
    "docs/images.md",
    "docs/train_a_potential.md",
    "docs/data_of_atoms.md",
    "docs/signals.md",
    "docs/running.md",
    "docs/from_e3nn.md",
]


COMMANDS = {"docs/train_a_potential.md"}
"""Pages whose commands are run too, one after the other."""


@pytest.mark.parametrize("page", PAGES)
def test_python_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example that fails costs a newcomer's trust. All blocks of a page share one namespace, as in one session.

    A block of text below shows what the code above it prints, or a part of that; one of toml is the file that its first
    line names; one of sh holds commands of ours, where a page has them run.
    """
    text, printed = (ROOT / page).read_text("utf-8"), ""
    if "from tblite" in text:
        pytest.importorskip("tblite")  # which has no wheels for processors other than x86-64
    code = fenced(text)
    assert "python" in dict(code)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    session = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", session)  # so that classes of the page can be pickled, as in a script
    for language, block in code:
        if language == "python":
            with redirect_stdout(io.StringIO()) as output:
                exec(compile(block, page, "exec"), session.__dict__)
            printed = output.getvalue()
        elif language == "text" and printed:
            assert without_rounding(block) in without_rounding(printed)
        elif language == "toml":
            Path(block.strip().splitlines()[0].removeprefix("# ")).write_text(block, "utf-8")
        elif language == "sh" and page in COMMANDS:
            for line in block.strip().splitlines():
                result = run(*shlex.split(line)[1:])
                assert result.exit_code == 0, result.output
    for name in [name for name in sys.modules if name.split(".")[0] == "e3nn"]:
        del sys.modules[name]  # what a page installed for itself


def anchors(text: str) -> set[str]:
    """The names under which a page can be entered, as on GitHub: one for each heading."""
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, "docs/conventions.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    """Links within the repository point to files and headings that are there."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", (ROOT / page).read_text("utf-8")):
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.is_file(), target
        assert not anchor or anchor in anchors(file.read_text("utf-8")), target


def test_make_targets_exist() -> None:
    """The README tells how to run the tests and the demo, and the Makefile knows how."""
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {"test", "demo"} <= called("make", README.read_text("utf-8")) <= targets


def test_commands_exist() -> None:
    """Every `intertwine <command>` that the README names can be typed."""
    from typer.main import get_command

    from intertwine.cli import app

    assert called("intertwine", README.read_text("utf-8")) <= set(getattr(get_command(app), "commands", {}))


def test_the_readme_is_read_well() -> None:
    text = "`import intertwine as tw` and `make demo`, make sure.\n```bash\n$ cd x && make test  # make it so\n"
    text += ".venv/bin/intertwine tour --out out\n```\n```python\nx = 1\n```\n"
    assert called("make", text) == {"demo", "test"}
    assert called("intertwine", text) == {"tour"}
    assert [block.strip("\n") for block in blocks(text, "python")] == ["x = 1"]
    assert blocks(text, "python")[0].index("x") == 6
