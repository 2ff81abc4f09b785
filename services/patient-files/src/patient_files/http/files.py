"""A patient's main file and its sub-files, which bookings open, or records and managers."""

from typing import Any
from uuid import UUID

from flask import Response

from jalsa.db.aliases import survivor_of
from jalsa.http import (
    Everything,
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    json_with_etag,
    page_by_id,
    page_of,
    shows_list,
    shows_record,
)
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from patient_files.files import operations, queries
from patient_files.files.commands import ChangeSubFile, GiveReason, OpenSubFile
from patient_files.http.schemas import files as schemas
from patient_files.models import MainFile, SubFile

routes = Routes("files", "Main files and their sub-files")

_FILE = schemas.FileAnswer()
_SUB_FILE = schemas.SubFileAnswer()


@routes.view("/patients/<uuid:patient_id>/file", permission="files.read", reads="file", response=_FILE)
def get_file(patient_id: UUID) -> Response:
    """A patient's main file with its sub-files, in the order in which they were opened.

    Of merged records it is the survivor's file, with the sub-files of all of them.
    """
    main_file = _found(patient_id)
    shows_record(patient_id, main_file.id)
    sub_files = queries.list_sub_files(current_db(), main_file.patient_id)
    return json_with_etag({**_FILE.dump(main_file), "sub_files": _SUB_FILE.dump(sub_files, many=True)})


@routes.view(
    "/patients/<uuid:patient_id>/sub-files",
    permission="files.read",
    reads="sub-file",
    query=PlainPageArgs(),
    response=page_of(schemas.SubFileAnswer),
)
def list_sub_files(query: PageOf[Everything], patient_id: UUID) -> dict[str, Any]:
    """The parts of a patient's file that belong to a clinic each."""
    main_file = _found(patient_id)
    after = decode_id_cursor(query.cursor)
    rows = queries.list_sub_files(current_db(), main_file.patient_id, after=after, limit=query.limit + 1)
    shows_list([patient_id])
    return page_by_id(rows, query.limit)


@routes.view(
    "/patients/<uuid:patient_id>/sub-files",
    "POST",
    permission="files.write",
    body=schemas.SubFileBody(),
    response=_SUB_FILE,
    status=201,
)
def open_sub_file(command: OpenSubFile, patient_id: UUID) -> Response:
    """Open a patient's file in a clinic without a booking."""
    opened = operations.open_sub_file(current_db(), patient_id, command, now=clock.now())
    return json_with_etag(_SUB_FILE.dump(opened), 201)


@routes.view("/sub-files/<uuid:sub_file_id>", permission="files.read", reads="sub-file", response=_SUB_FILE)
def get_sub_file(sub_file_id: UUID) -> Response:
    """One file of a patient in a clinic."""
    sub_file = current_db().get(SubFile, sub_file_id)
    if sub_file is None:
        raise NotFound("sub-file")
    shows_record(current_db().get_one(MainFile, sub_file.main_file_id).patient_id, sub_file.id)
    return json_with_etag(_SUB_FILE.dump(sub_file))


@routes.view(
    "/sub-files/<uuid:sub_file_id>",
    "PATCH",
    permission="files.write",
    reads="sub-file",
    body=schemas.SubFilePatch(),
    response=_SUB_FILE,
)
def update_sub_file(command: ChangeSubFile, sub_file_id: UUID) -> Response:
    """Assign a patient's file in a clinic to another provider."""
    db = current_db()
    sub_file, main_file = operations.locked_sub_file(db, sub_file_id)
    shows_record(main_file.patient_id, sub_file.id)  # a change of nothing leaves no audit row, and shows the record
    check_if_match(_SUB_FILE.dump(sub_file))
    changed = operations.change_sub_file(db, sub_file, main_file, command, now=clock.now())
    return json_with_etag(_SUB_FILE.dump(changed))


@routes.view(
    "/sub-files/<uuid:sub_file_id>/close",
    "POST",
    permission="files.write",
    body=schemas.ReasonBody(),
    response=_SUB_FILE,
)
def close_sub_file(command: GiveReason, sub_file_id: UUID) -> Response:
    """Close a patient's file in a clinic, once no appointment lies ahead there. The next booking reopens it."""
    db = current_db()
    sub_file, main_file = operations.locked_sub_file(db, sub_file_id)
    check_if_match(_SUB_FILE.dump(sub_file))
    return json_with_etag(_SUB_FILE.dump(operations.close_sub_file(db, sub_file, main_file, command, now=clock.now())))


@routes.view(
    "/sub-files/<uuid:sub_file_id>/reopen",
    "POST",
    permission="files.write",
    body=schemas.ReasonBody(),
    response=_SUB_FILE,
)
def reopen_sub_file(command: GiveReason, sub_file_id: UUID) -> Response:
    """Reopen a patient's file in a clinic."""
    db = current_db()
    sub_file, main_file = operations.locked_sub_file(db, sub_file_id)
    check_if_match(_SUB_FILE.dump(sub_file))
    return json_with_etag(_SUB_FILE.dump(operations.reopen_sub_file(db, sub_file, main_file, command, now=clock.now())))


@routes.view(
    "/files/pending",
    permission="files.read",
    reads="sub-file",
    query=PlainPageArgs(),
    response=page_of(schemas.PendingSubFileAnswer),
)
def list_pending(query: PageOf[Everything]) -> dict[str, Any]:
    """The bookings of patients who have no main file yet. Their sub-files open with the main file."""
    after = decode_id_cursor(query.cursor)
    rows = queries.list_pending(current_db(), after=after, limit=query.limit + 1)
    shows_list([row.patient_id for row in rows[: query.limit]])
    return page_by_id(rows, query.limit)


def _found(patient_id: UUID) -> MainFile:
    db = current_db()
    main_file = queries.find_main_file(db, survivor_of(db, patient_id))
    if main_file is None:
        raise NotFound("patient")
    return main_file
