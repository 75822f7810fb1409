"""oncolake pseudonym: for who holds the key."""

from typing import Annotated, Literal

import typer

from infra.errors import UsageError
from oncolake import show
from oncolake.commands.options import JsonOption, load_settings


def register(app: typer.Typer) -> None:
    app.command()(pseudonym)


def pseudonym(
    site: Annotated[str, typer.Argument(help="Site that gave out the identifier.")],
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Patient, case, sample or study identifier.")],
    kind: Annotated[
        Literal["patient", "sample", "other"], typer.Option(help="Of what: decides which of the site's rules applies.")
    ] = "patient",
    as_json: JsonOption = False,
) -> None:
    """The pseudonym under which an identifier stands in the lake.

    Needs the key; nobody without it can do the same. DICOM UIDs are shown in their own form too.
    """
    if not identifier.strip():
        raise UsageError("The identifier is blank; expected a patient, case, sample or study identifier.")
    from infra.identifiers import normalised_one

    settings = load_settings()
    declared, keyed = settings.site(site), settings.pseudonymiser
    rule = {"patient": declared.patient_ids, "sample": declared.sample_ids, "other": None}[kind]
    found = {"pseudonym": keyed.identifier(site, normalised_one(identifier, rule))}
    if identifier.replace(".", "").isdigit() and "." in identifier:
        found["uid"] = keyed.uid(identifier)
    if as_json:
        show.print_json(found)
    else:
        show.out.print("\n".join(found.values()), highlight=False)
