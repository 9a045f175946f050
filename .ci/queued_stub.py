"""Writes client/commands/pipelined.pyi: the typed methods as a pipeline has them.

A typed method is written once, in client/commands/, with `Reply[int]` for what it returns: a coroutine in a
client. In a pipeline the same method returns a `Queued[int]`, a future with the type of the reply. Python's
types cannot say that of an inherited method, so this program does: it copies the signatures with the one word
changed. Run it after a change of the methods; a test says when it is due.

    .venv/bin/python .ci/queued_stub.py [--check]
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS = ROOT / "client" / "commands"
STUB = COMMANDS / "pipelined.pyi"
HEAD = '''"""The typed methods as a pipeline has them. Written by .ci/queued_stub.py: do not edit."""

'''


class ReplyToQueued(ast.NodeTransformer):
    """Changes what a method returns; the built-in set is hidden by the method of that name."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id == "set":
            return ast.Attribute(ast.Name("builtins"), "set")
        return ast.Name("Queued") if node.id == "Reply" else node


def mixins() -> Iterator[tuple[str, str]]:
    """Module and class of every group of methods, in the order of TypedCommands."""
    tree = ast.parse((COMMANDS / "typed.py").read_text())
    module_of = {
        alias.name: statement.module
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
    }
    (typed,) = (statement for statement in tree.body if isinstance(statement, ast.ClassDef))
    for base in typed.bases:
        assert isinstance(base, ast.Subscript)
        assert isinstance(base.value, ast.Name)
        yield module_of[base.value.id], base.value.id


def methods_of(group: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """The public methods, as a stub has them: of an overloaded one the overloads alone."""
    overloaded = {
        item.name for item in group.body if isinstance(item, ast.FunctionDef) and item.decorator_list
    }
    for item in group.body:
        if not isinstance(item, ast.FunctionDef) or item.name.startswith("_"):
            continue
        if item.name not in overloaded or item.decorator_list:
            assert item.returns is not None, item.name
            yield item


def imports_of(tree: ast.Module, module: str, used: set[str]) -> Iterator[str]:
    """The import lines for the names that signatures of a module use."""
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if alias.name in used and alias.name != "Reply":
                    yield f"from {statement.module} import {alias.name}"
        for target in defined_by(statement):
            if target in used:
                yield f"from {module} import {target}"


def defined_by(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    return [statement.name] if isinstance(statement, ast.ClassDef) else []


def stub() -> str:
    """The text of the stub, formatted as everything else."""
    imports = {
        "import builtins",
        "from garrison.client.commands.base import T",
        "from garrison.client.commands.typed import TypedCommands",
        "from garrison.client.queued import Queued",
    }
    lines = []
    for module, name in mixins():
        tree = ast.parse((COMMANDS / f"{module.rpartition('.')[2]}.py").read_text())
        (group,) = (item for item in tree.body if isinstance(item, ast.ClassDef) and item.name == name)
        lines.append(f"    # {name}")
        for method in methods_of(group):
            method.body = [ast.Expr(ast.Constant(...))]
            used = {node.id for node in ast.walk(method) if isinstance(node, ast.Name)}
            imports |= set(imports_of(tree, module, used))
            method.returns = ReplyToQueued().visit(method.returns)
            lines += ["    " + line for line in ast.unparse(method).splitlines()]
    names = [line.rpartition(" ")[2] for line in imports]
    assert len(names) == len(set(names)), f"two modules define one name: {sorted(names)}"
    text = (
        HEAD
        + "\n".join(sorted(imports))
        + "\n\n__all__ = ['PipelinedCommands']\n\nclass PipelinedCommands(TypedCommands[T]):\n"
    )
    text += '    """The typed methods, returning futures."""\n\n' + "\n".join(lines) + "\n"
    return ruff("check", "--select", "I,PYI", "--fix", "--quiet", source=text, then_format=True)


def ruff(*arguments: str, source: str, then_format: bool = False) -> str:
    ruff_here = str(Path(sys.executable).with_name("ruff"))
    command = [ruff_here, *arguments, "--stdin-filename", str(STUB), "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False, cwd=ROOT)
    if not done.stdout:
        raise SystemExit(done.stderr)
    return ruff("format", "--quiet", source=done.stdout) if then_format else done.stdout


def main() -> None:
    text = stub()
    if "--check" not in sys.argv:
        STUB.write_text(text)
    elif STUB.read_text() != text:
        raise SystemExit(f"{STUB.relative_to(ROOT)} is out of date: run .venv/bin/python .ci/queued_stub.py")


if __name__ == "__main__":
    main()
