"""Reports, as JSON and as CSV."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

from flask import Response, jsonify, request
from marshmallow import Schema, fields
from sqlalchemy.orm import Session

from jalsa.http import Routes, current_db
from jalsa.http.sheets import MEDIA_TYPE as CSV
from jalsa.http.sheets import sheet
from scheduling.directory.queries import ZonedClinic
from scheduling.http.schemas import reading as schemas
from scheduling.http.schemas.reading import ReportRequest
from scheduling.http.zones import left_out, told
from scheduling.reports.commands import MakeGroupedReport, MakePackageReport, MakeReport
from scheduling.reports.queries import packages as package_reports
from scheduling.reports.queries import sessions as reports
from scheduling.reports.queries import utilisation

A = TypeVar("A", bound=MakeReport)

routes = Routes("reports", "Reports on local days of each clinic. Cancelled sessions are not counted")


#: The time limit in seconds. A report may read years of data of a large centre.
SECONDS = 30.0
#: The columns of a report with several parts as one table, with one row for each figure.
_LABELS = ("key", "name_en", "name_ar")
_FIGURE = ("part", *_LABELS, "figure", "value")


def _report(
    name: str, query: schemas.ReportArgs, response: Schema
) -> Callable[[Callable[[Session, A], object]], Callable[[ReportRequest[A]], Response]]:
    """Register a report at `/reports/<name>`. The decorated function returns the rows of its `items`, or all its parts.

    A clinic whose local days cannot be calculated is left out, and the answer says so. Raises 409 `unknown-zone` if it
    is the requested clinic.
    """

    def register(make: Callable[[Session, A], object]) -> Callable[[ReportRequest[A]], Response]:
        @wraps(make, assigned=("__name__", "__doc__"), updated=())
        def view(wanted: ReportRequest[A]) -> Response:
            unknown = left_out(wanted.asked.clinic_id)
            asked = replace(wanted.asked, left_out=frozenset(clinic.id for clinic in unknown))
            made = make(current_db(), asked)
            parts = response.dump({"items": made} if isinstance(made, list) else made)
            if (wanted.format or _preferred_format()) == "csv":
                return _download(name, wanted, _sheet(response, parts, wanted.separator), unknown)
            return jsonify({"from": str(asked.first), "to": str(asked.last), **parts, **told(unknown)})

        return routes.view(
            f"/reports/{name}",
            permission="reports.read",
            query=query,
            response=response,
            text_types=(CSV,),
            seconds=SECONDS,
        )(view)

    return register


@_report("utilisation", schemas.UtilisationArgs(), schemas.report_of(schemas.Utilisation))
def report_utilisation(db: Session, asked: MakeGroupedReport) -> list[utilisation.Utilisation]:
    """Report the booked minutes and the available minutes, by provider or room."""
    return utilisation.of_rooms(db, asked) if asked.by == "room" else utilisation.of_providers(db, asked)


@_report("no-shows", schemas.GroupedArgs(), schemas.report_of(schemas.NoShows))
def report_no_shows(db: Session, asked: MakeGroupedReport) -> list[reports.NoShows]:
    """Report the no-shows among the appointments that have an outcome."""
    return reports.no_shows(db, asked)


@_report("capacity", schemas.GroupedArgs(), schemas.report_of(schemas.Capacity))
def report_capacity(db: Session, asked: MakeGroupedReport) -> list[reports.Capacity]:
    """Report how many of the spots in group sessions were used."""
    return reports.capacity(db, asked)


@_report("lead-time", schemas.ReportArgs(), schemas.report_of(schemas.LeadTime))
def report_lead_time(db: Session, asked: MakeReport) -> list[reports.LeadTime]:
    """Report the number of days from booking to start, by service type."""
    return reports.lead_time(db, asked)


@_report("packages", schemas.PackageReportArgs(), schemas.PackageReport())
def report_packages(db: Session, asked: MakePackageReport) -> package_reports.PackageReport:
    """Report on the packages created in a period: their outcomes, and how well their sessions could be placed."""
    return package_reports.packages(db, asked)


def _sheet(response: Schema, parts: Mapping[str, Any], separator: str) -> bytes:
    """Return a report as a table with one row for each of its items, or for each figure of its parts."""
    if "items" not in parts:
        return sheet(_FIGURE, _figures(parts), separator=separator)
    items = response.fields["items"]
    assert isinstance(items, fields.List)
    assert isinstance(items.inner, fields.Nested)
    return sheet(list(items.inner.schema.fields), parts["items"], separator=separator)


def _figures(parts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part, rows in parts.items():
        for row in rows if isinstance(rows, list) else [rows]:
            labels = {name: row.get(name) for name in _LABELS}
            for figure, value in row.items():
                if figure not in _LABELS:
                    yield {"part": part, **labels, "figure": figure, "value": value}


def _download(name: str, wanted: ReportRequest[MakeReport], table: bytes, unknown: Sequence[ZonedClinic]) -> Response:
    response = Response(table, content_type=f"{CSV}; charset=utf-8")
    # A CSV file has no place for a note.
    without = "".join(f"-without-{clinic.code}" for clinic in unknown)
    file = f"{name}-{wanted.asked.first}-{wanted.asked.last}{without}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return response


def _preferred_format() -> str:
    accepted = request.accept_mimetypes.best_match(["application/json", CSV], "application/json")
    return "csv" if accepted == CSV else "json"
