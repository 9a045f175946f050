"""Libraries of functions on all primaries: push, diff and list.

BACKGROUND  Each primary has libraries of its own, which its replicas copy. No command changes those of two
            primaries in one step, so a push may be broken off between two.
BEHAVIOUR   A push reads all files, asks all primaries what they have, and stops there if one does not answer.
            Then it loads library by library: at one primary first, so that a source that the servers refuse
            changes nothing, then at all others. Repeated, it loads only what differs.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from garrison.client.commands.functions import as_library
from garrison.client.commands.replies import as_bytes, as_fields
from garrison.cluster import documents as doc
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.function_libraries import Library, find_differences, read_library
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import UnreachableError, UsageProblem
from garrison.cluster.manager.admin_client import AdminClient
from garrison.cluster.manager.session import Session

FILE_BYTES_MAX = 16 * 1024 * 1024
"""The largest source that is read: a file beyond is not a library."""
LIST = ("FUNCTION", "LIST", "WITHCODE")


async def push(session: Session, entry: Address, paths: Sequence[Path]) -> doc.FunctionsPushReport:
    """Load the libraries of files and folders at all primaries, replacing those of the same names."""
    libraries = read_files(paths)
    async with session.admin(entry) as admin:
        addresses = _all_primaries(await admin.cluster_state())
        held = dict(
            zip(addresses, await asyncio.gather(*(_ask(admin, each) for each in addresses)), strict=True)
        )
        pushed = []
        for library in libraries.values():
            stale = [
                address
                for address in addresses
                if library.name not in held[address] or held[address][library.name].code != library.code
            ]
            if not session.dry_run:
                await _load(admin, stale, library)
            pushed.append(
                doc.PushedLibraryDocument(
                    library=library.name,
                    path=library.path,
                    loaded=[str(address) for address in stale],
                    unchanged=[str(address) for address in addresses if address not in stale],
                )
            )
    return doc.FunctionsPushReport(command="functions push", dry_run=session.dry_run, libraries=pushed)


async def diff(session: Session, entry: Address, paths: Sequence[Path]) -> doc.FunctionsDiffReport:
    """Compare the libraries of all primaries with each other, and with those of files and folders."""
    files = read_files(paths) if paths else {}
    async with session.admin(entry) as admin:
        addresses = _all_primaries(await admin.cluster_state())
        answers = await asyncio.gather(*(_ask(admin, address) for address in addresses))
    held = dict(zip(map(str, addresses), answers, strict=True))
    found = find_differences(held, files, files_are_all=any(path.is_dir() for path in paths))
    return doc.FunctionsDiffReport(
        command="functions diff",
        ok=not found,
        primaries=list(held),
        libraries=len({*files, *(name for libraries in answers for name in libraries)}),
        differences=[
            doc.FunctionsDifferenceDocument(
                library=each.library,
                kind=each.kind,
                nodes=list(each.nodes),
                reference=each.reference,
                lines=list(each.lines),
            )
            for each in found
        ],
    )


async def list_(session: Session, entry: Address) -> doc.FunctionsListReport:
    """All libraries with the nodes, replicas too, that have them."""
    async with session.admin(entry) as admin:
        state = await admin.cluster_state()
        addresses = [node.address for node in state.nodes.values() if node.id in state.views]
        answers = await asyncio.gather(*(_ask(admin, address) for address in addresses))
    found: dict[tuple[str, bytes], tuple[Library, list[str]]] = {}
    for address, libraries in zip(addresses, answers, strict=True):
        for library in libraries.values():
            found.setdefault((library.name, library.code), (library, []))[1].append(str(address))
    return doc.FunctionsListReport(
        command="functions list",
        libraries=[
            doc.LibraryDocument(
                name=library.name,
                engine=library.engine,
                version=library.version,
                functions=list(library.functions),
                nodes=nodes,
            )
            for _, (library, nodes) in sorted(found.items())
        ],
        nodes=[str(address) for address in addresses],
        unreachable=[str(address) for address in state.unreachable],
    )


def read_files(paths: Sequence[Path]) -> dict[str, Library]:
    """The libraries of files, and of the files of folders whose first lines name one; by their names."""
    found: dict[str, Library] = {}
    for path in paths:
        inner = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
        libraries = [library for each in inner if (library := _read(each)) is not None]
        if not libraries:
            first = "no file in it begins" if path.is_dir() else "it does not begin"
            raise UsageProblem(f"{path} has no library: {first} with a line as '#!lua name=billing'")
        for library in libraries:
            other = found.setdefault(library.name, library)
            if other.path != library.path:
                raise UsageProblem(
                    f"{other.path} and {library.path} are both named {library.name}; rename one"
                )
    return found


def _read(path: Path) -> Library | None:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise UsageProblem(f"{path} is larger than {FILE_BYTES_MAX} bytes; that is not a library")
        return read_library(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageProblem(f"cannot read {path}: {error.strerror}") from error


def _all_primaries(state: ClusterState) -> list[Address]:
    """Where all primaries are; UnreachableError if one of them does not answer."""
    for node in state.primaries:
        if node.id not in state.views:
            why = state.unreachable.get(node.address, "it does not answer")
            raise UnreachableError(f"the primary {node.label} cannot be asked: {why}; nothing was changed")
    return [node.address for node in state.primaries]


async def _ask(admin: AdminClient, address: Address) -> dict[str, Library]:
    libraries = {}
    for reply in await admin.call(address, *LIST):
        seen, code = as_library(reply), as_bytes(as_fields(reply)["library_code"])
        functions = tuple(function.name for function in seen.functions)
        libraries[seen.name] = Library(seen.name, code, seen.engine, functions)
    return libraries


async def _load(admin: AdminClient, addresses: Sequence[Address], library: Library) -> None:
    """At the first, and only then at the others; ManagerError names a node that refuses it."""
    command = ("FUNCTION", "LOAD", "REPLACE", library.code)
    for batch in (addresses[:1], addresses[1:]):
        await asyncio.gather(*(admin.call(address, *command) for address in batch))
