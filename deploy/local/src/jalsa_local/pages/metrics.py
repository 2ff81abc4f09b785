"""`docs/metrics.md` against the registered metrics: their names, types and labels. Its other columns are people's."""

import re
from pathlib import Path

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from jalsa_local.services import load_all

_PAGE = Path("docs/metrics.md")
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*) \| ([^|]*) \|", re.MULTILINE)


def differences(root: Path) -> list[str]:
    """One sentence for each metric that the page lacks, has too much or describes otherwise."""
    registered = _registered()
    rows = {name: (kind, labels.strip()) for name, kind, labels, _ in _ROW.findall((root / _PAGE).read_text())}
    return [
        *(f"{_PAGE} lacks the metric {name}." for name in sorted(set(registered) - set(rows))),
        *(f"{_PAGE} describes {name}, which is not registered." for name in sorted(set(rows) - set(registered))),
        *(
            f"{_PAGE}: {name} is a {kind} with the labels {labels or '(none)'}."
            for name, (kind, labels) in sorted(registered.items())
            if name in rows and rows[name] != (kind, labels)
        ),
    ]


def _registered() -> dict[str, tuple[str, str]]:
    """Type and labels of each metric of ours, by its name as Prometheus sees it."""
    load_all()  # a service may register metrics of its own
    found = {}
    for collector in list(REGISTRY._collector_to_names):
        if isinstance(collector, MetricWrapperBase):
            [metric] = collector.describe()
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            found[name] = (str(metric.type), ", ".join(collector._labelnames))
    return {name: of for name, of in found.items() if name.startswith("jalsa_")}
