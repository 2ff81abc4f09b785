"""Reports, as JSON and as CSV."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema

from jalsa.http import Routes, current_db
from jalsa.http.sheets import MEDIA_TYPE as CSV
from jalsa.http.sheets import sheet
from scheduling.http.schemas import reading as schemas
from scheduling.http.zones import left_out, told
from scheduling.queries import package_reports, reports, utilisation

routes = Routes("reports", "Reports on local days of each clinic; of sessions, what was cancelled is not counted")


#: A report may read what a large centre did in years.
SECONDS = 30.0
_UTILISATION = schemas.report_of(schemas.Utilisation)
_NO_SHOWS = schemas.report_of(schemas.NoShows)
_CAPACITY = schemas.report_of(schemas.Capacity)
_LEAD_TIME = schemas.report_of(schemas.LeadTime)
_PACKAGES = schemas.PackageReport()
#: The columns of a report of several parts as one table, each row of which is one figure.
_LABELS = ("key", "name_en", "name_ar")
_FIGURE = ("part", *_LABELS, "figure", "value")


@routes.view(
    "/reports/utilisation",
    permission="reports.read",
    query=schemas.UtilisationArgs(),
    response=_UTILISATION,
    text_types=(CSV,),
    seconds=SECONDS,
)
def report_utilisation(args: dict[str, Any]) -> Response:
    """Booked minutes of the available ones, by provider or room."""
    of = {"provider": utilisation.of_providers, "room": utilisation.of_rooms}[args["by"]]
    return _answer(args, "utilisation", schemas.Utilisation(), of(current_db(), _period(args)))


@routes.view(
    "/reports/no-shows",
    permission="reports.read",
    query=schemas.GroupedArgs(),
    response=_NO_SHOWS,
    text_types=(CSV,),
    seconds=SECONDS,
)
def report_no_shows(args: dict[str, Any]) -> Response:
    """Report the no-shows among the appointments that have an outcome."""
    return _answer(args, "no-shows", schemas.NoShows(), reports.no_shows(current_db(), _period(args), args["by"]))


@routes.view(
    "/reports/capacity",
    permission="reports.read",
    query=schemas.GroupedArgs(),
    response=_CAPACITY,
    text_types=(CSV,),
    seconds=SECONDS,
)
def report_capacity(args: dict[str, Any]) -> Response:
    """Report how many of the spots in group sessions were used."""
    return _answer(args, "capacity", schemas.Capacity(), reports.capacity(current_db(), _period(args), args["by"]))


@routes.view(
    "/reports/lead-time",
    permission="reports.read",
    query=schemas.ReportArgs(),
    response=_LEAD_TIME,
    text_types=(CSV,),
    seconds=SECONDS,
)
def report_lead_time(args: dict[str, Any]) -> Response:
    """Days from booking to start, by service type."""
    return _answer(args, "lead-time", schemas.LeadTime(), reports.lead_time(current_db(), _period(args)))


@routes.view(
    "/reports/packages",
    permission="reports.read",
    query=schemas.PackageReportArgs(),
    response=_PACKAGES,
    text_types=(CSV,),
    seconds=SECONDS,
)
def report_packages(args: dict[str, Any]) -> Response:
    """Packages created in the period: what became of them and of their sessions, and how well they could be placed."""
    period = package_reports.PackagePeriod(**vars(_period(args)), service_type=args["service_type"])
    parts = _PACKAGES.dump(package_reports.packages(current_db(), period))
    if _wants_csv(args):
        return _download(args, "packages", _FIGURE, _figures(parts))
    return jsonify({"from": str(args["first"]), "to": str(args["last"]), **parts, **told(args["left_out"])})


def _period(args: dict[str, Any]) -> reports.Period:
    """The period of a report. What it leaves out is kept for its answer. Raises 409 `unknown-zone`."""
    args["left_out"] = left_out(args["clinic_id"])
    unknown = frozenset(clinic.id for clinic in args["left_out"])
    return reports.Period(args["first"], args["last"], args["clinic_id"], args["provider_id"], unknown)


def _answer(args: dict[str, Any], name: str, shape: Schema, rows: list[dict[str, Any]]) -> Response:
    items = shape.dump(rows, many=True)
    if _wants_csv(args):
        return _download(args, name, list(shape.fields), items)
    return jsonify({"from": str(args["first"]), "to": str(args["last"]), "items": items, **told(args["left_out"])})


def _figures(parts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part, rows in parts.items():
        for row in rows if isinstance(rows, list) else [rows]:
            labels = {name: row.get(name) for name in _LABELS}
            for figure, value in row.items():
                if figure not in _LABELS:
                    yield {"part": part, **labels, "figure": figure, "value": value}


def _wants_csv(args: dict[str, Any]) -> bool:
    return (args.get("format") or ("csv" if _prefers_csv() else "json")) == "csv"


def _download(args: dict[str, Any], name: str, columns: Sequence[str], items: Iterable[dict[str, Any]]) -> Response:
    response = Response(sheet(columns, items, separator=args["separator"]), content_type=f"{CSV}; charset=utf-8")
    # a sheet has no spot for a note
    without = "".join(f"-without-{clinic.code}" for clinic in args["left_out"])
    file = f"{name}-{args['first']}-{args['last']}{without}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return response


def _prefers_csv() -> bool:
    return request.accept_mimetypes.best_match(["application/json", CSV], "application/json") == CSV
