"""Every module can be imported first, by itself: no chain of imports leads back to where it began."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import workbench

FOLDER = Path(workbench.__file__).parent
SOURCES = {
    ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FOLDER.rglob("*.py")
    if "migrations" not in path.parts
}


def imported(name, text):
    """The modules of ours that have to run before this one has: those that it names at its top, and their packages."""
    named = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    named |= {each.rsplit(".", up)[0] for each in named for up in range(1, each.count(".") + 1)}
    # Its own packages have begun to run before it in any case.
    return {each for each in named & set(SOURCES) if each != name and not name.startswith(f"{each}.")}


def test_no_chain_of_imports_leads_back_to_where_it_began():
    graph = {name: imported(name, path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}
    assert sum(map(len, graph.values())) > len(graph) > 250
    # Raises CycleError, with the modules in it.
    TopologicalSorter(graph).prepare()


def test_a_chain_that_leads_back_is_found():
    names = ("workbench.web.page", "workbench.web.render")
    text = {names[0]: "from workbench.web import render", names[1]: "from workbench.web.page import ROOT\nimport json"}
    assert [imported(name, text[name]) for name in names] == [{names[1]}, {names[0]}]
