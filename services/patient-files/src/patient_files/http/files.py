"""A patient's main file and its sub-files. They are opened by what happens, not by a caller."""

from typing import Any
from uuid import UUID

from flask import Response

from jalsa.db.aliases import survivor_of
from jalsa.http import Everything, PageOf, PlainPageArgs, Routes, current_db, json_with_etag, page, page_of
from jalsa.http.paging import decode_id_cursor
from jalsa.service.errors import NotFound
from patient_files.files import queries
from patient_files.http.schemas import files as schemas
from patient_files.models import MainFile

routes = Routes("files", "Main files and their sub-files")

_FILE = schemas.FileAnswer()
_SUB_FILE = schemas.SubFileAnswer()


@routes.view("/patients/<uuid:patient_id>/file", permission="files.read", response=_FILE)
def get_file(patient_id: UUID) -> Response:
    """A patient's main file with its sub-files, in the order in which they were opened.

    Of merged records it is the survivor's file, with the sub-files of all of them.
    """
    main_file = _found(patient_id)
    sub_files = queries.list_sub_files(current_db(), main_file.patient_id)
    return json_with_etag({**_FILE.dump(main_file), "sub_files": _SUB_FILE.dump(sub_files, many=True)})


@routes.view(
    "/patients/<uuid:patient_id>/sub-files",
    permission="files.read",
    query=PlainPageArgs(),
    response=page_of(schemas.SubFileAnswer),
)
def list_sub_files(query: PageOf[Everything], patient_id: UUID) -> dict[str, Any]:
    """The parts of a patient's file that belong to a clinic each."""
    main_file = _found(patient_id)
    after = decode_id_cursor(query.cursor)
    rows = queries.list_sub_files(current_db(), main_file.patient_id, after=after, limit=query.limit + 1)
    return page(rows, query.limit, lambda row: str(row.id), lambda row: row)


def _found(patient_id: UUID) -> MainFile:
    db = current_db()
    main_file = queries.find_main_file(db, survivor_of(db, patient_id))
    if main_file is None:
        raise NotFound("patient")
    return main_file
