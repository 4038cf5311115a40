"""A contract for import-linter: modules import only the standard library and the listed libraries."""

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class AllowedLibraries(Contract):
    """Fails for every direct import of another library. What a listed library imports does not count."""

    modules = fields.ListField(subfield=fields.StringField())
    libraries = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - import-linter calls it so
        allowed = {*sys.stdlib_module_names, *self.libraries, *(name for name in graph.modules if "." in name)}
        members = [member for module in self.modules for member in {module, *graph.find_descendants(module)}]
        strays = [
            f"{member} imports {imported}"
            for member in sorted(members)
            for imported in sorted(graph.find_modules_directly_imported_by(member))
            if graph.is_module_squashed(imported) and imported not in allowed
        ]
        output.verbose_print(verbose, f"{len(members)} modules read")
        return ContractCheck(kept=not strays, metadata={"strays": strays})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for stray in check.metadata["strays"]:
            output.print_error(stray)
            output.new_line()
