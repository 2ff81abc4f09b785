"""The documentation page: a viewer that is served whole from the service itself, with links to the other services."""

import re

import pytest

from jalsa.dev.kit import ServiceKit


def test_the_page_names_the_service_and_leads_to_the_pages_of_the_others(alpha: ServiceKit) -> None:
    page = alpha.app.test_client().get("/v1/docs").get_data(as_text=True)
    assert f"<title>{alpha.service.title}</title>" in page
    assert 'href="../../alpha/v1/docs" aria-current="page"' in page
    assert {"scheduling", "billing"} <= set(re.findall(r'href="\.\./\.\./([a-z-]+)/v1/docs"', page))
    assert 'id="token"' in page


def test_whatever_the_page_loads_is_served_beside_it(alpha: ServiceKit) -> None:
    anyone = alpha.app.test_client()
    page = anyone.get("/v1/docs")
    loaded = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.get_data(as_text=True))
    assert len(loaded) == 3
    for address in loaded:
        part = anyone.get(f"/v1/{address}")
        assert part.status_code == 200
        assert part.content_type.startswith("text/css" if address.endswith(".css") else "text/javascript")
        assert part.headers["ETag"]
        assert not re.search(rb"url\(.?https?:", part.data), "nothing is loaded from another host"
    policy = page.headers["Content-Security-Policy"]
    assert not re.search(r"https?:", policy)
    assert "script-src 'self';" in policy


@pytest.mark.parametrize("name", ["page.html", "README.md", "..%2fapp.py", "nothing.js"])
def test_nothing_else_is_served_there(name: str, alpha: ServiceKit) -> None:
    assert alpha.app.test_client().get(f"/v1/docs/{name}").status_code == 404
