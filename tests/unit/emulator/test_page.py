"""The page: who gets it, what it shows, what it hides until it is clicked."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import pytest

from vaultbind.emulator.page import answer_page
from vaultbind.keyvault.simulation import ApiRequest, ApiResponse, Estate, EstateConfig

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)
LOCAL = "127.0.0.1"
EVIL = "<script>alert(1)</script>"


def ask(
    estate: Estate, url: str = "/", *, peer: str = LOCAL, host: str = "127.0.0.1:8443", **headers: str
) -> ApiResponse | None:
    parts = urlsplit(url)
    request = ApiRequest(
        method=headers.pop("method", "GET"),
        host=host,
        path=parts.path,
        query=dict(parse_qsl(parts.query)),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    return answer_page(request, estate, peer)


def text(estate: Estate, url: str = "/", **options: str) -> str:
    response = ask(estate, url, **options)
    assert response is not None
    assert response.status == 200
    return response.body.decode()


@pytest.fixture
def estate() -> Estate:
    made = Estate(EstateConfig(clock=lambda: NOW))
    shop = made.driver("shop")
    shop.set_secret("db", "first-value", expires=NOW - timedelta(days=3))
    shop.set_secret("db", "second-value", content_type=EVIL, expires=NOW + timedelta(hours=5), enabled=False)
    shop.set_secret("gone", "third-value")
    shop.delete("secrets", "gone")
    shop.create_key("sign", key_type="EC", expires=NOW + timedelta(days=90))
    shop.issue_certificate("tls", ["shop.example.test"])
    made.driver("bank").set_secret("pin", "fourth-value")
    made.time.advance(timedelta(hours=1), "bank")
    request = ApiRequest(
        method="GET",
        host="shop.vault.azure.net",
        path="/secrets/db",
        query={"api-version": "7.4"},
        headers={"authorization": "Bearer x"},
    )
    made.handle(request, NOW)
    return made


def test_it_shows_vaults_objects_versions_expiry_and_requests(estate: Estate) -> None:
    page = text(estate)
    assert re.findall(r"<h2>(\w+)", page) == ["bank", "shop", "Last"]
    assert re.findall(r'<td class="name">([\w-]+)', page) == ["pin", "db", "tls", "sign", "tls", "tls"]
    versions = {record.version for record in estate.vault("shop").secrets.store.versions("db")}
    assert all(page.count(f"<code>{version}</code>") == 1 for version in versions)
    assert 'class="soon" title="2027-01-15 13:00:00">in 5h<' in page
    assert ">in 90 d<" in page
    assert "1h ahead of the others" in page
    assert "deleted: gone" in page
    assert "CN=shop.example.test" in page
    assert '<td>secrets.get</td><td>db</td><td class="failed">403</td>' in page


def test_it_hides_values_until_they_are_clicked(estate: Estate) -> None:
    page = text(estate)
    assert not [word for word in ("first", "second", "third", "fourth") if f"{word}-value" in page]
    links = [link.replace("&amp;", "&") for link in re.findall(r'data-value="([^"]+)"', page)]
    shown = {text(estate, link, x_vaultbind_page="1") for link in links}
    assert {"first-value", "second-value", "fourth-value"} < shown
    assert len(links) == 5 + 2  # pin, db twice and tls in their rows and lists


def test_texts_from_vaults_and_requests_are_no_markup(estate: Estate) -> None:
    request = ApiRequest(method="GET", host=f"{EVIL}.vault.localhost", path="/secrets")
    estate.handle(request, NOW)
    page = text(estate)
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_it_needs_nothing_from_elsewhere(estate: Estate) -> None:
    page = text(estate)
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {source for source in sources if not source.startswith("/")} == {"data:,"}
    assert "style=" not in page
    assert not re.search(r"\son\w+=", page)
    response = ask(estate)
    assert response is not None
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "addEventListener" in text(estate, "/_vaultbind/page.js")
    assert "font" in text(estate, "/_vaultbind/page.css")


def test_its_markup_is_balanced(estate: Estate) -> None:
    class Balance(HTMLParser):
        stack: list[str]

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in {"meta", "link"}:
                self.stack.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.stack.pop() == tag

    parser = Balance()
    parser.stack = []
    parser.feed(text(estate))
    assert parser.stack == []


@pytest.mark.parametrize(
    ("peer", "host", "status"),
    [
        (LOCAL, "127.0.0.1:8443", 200),
        ("::1", "[::1]:8443", 200),
        (LOCAL, "shop.vault.localhost:8443", 200),
        (LOCAL, "localhost", 200),
        ("10.0.0.5", "127.0.0.1:8443", 403),
        ("", "127.0.0.1:8443", 403),
        (LOCAL, "evil.test:8443", 403),
        (LOCAL, "shop.vault.azure.net", 403),
    ],
)
@pytest.mark.parametrize("url", ["/", "/_vaultbind/page.js", "/_vaultbind/value?vault=bank&name=pin"])
def test_it_is_for_this_machine_alone(estate: Estate, url: str, peer: str, host: str, status: int) -> None:
    response = ask(estate, url, peer=peer, host=host, x_vaultbind_page="1")
    assert response is not None
    assert response.status == status
    assert (b"fourth" in response.body) is (status == 200 and "value" in url)


def test_a_value_is_for_its_own_script_and_must_exist(estate: Estate) -> None:
    statuses = {}
    for url in (
        "vault=bank&name=pin",
        "vault=none&name=pin",
        "vault=bank&name=x",
        "vault=bank&name=pin&version=1",
    ):
        for headers in ({}, {"x_vaultbind_page": "1"}):
            response = ask(estate, f"/_vaultbind/value?{url}", **headers)
            assert response is not None
            statuses[url, bool(headers)] = response.status
    assert [status for (_, asked), status in statuses.items() if not asked] == [403] * 4
    assert [status for (_, asked), status in statuses.items() if asked] == [200, 404, 404, 404]
    assert "none" not in estate.vaults


@pytest.mark.parametrize(
    ("method", "url"), [("POST", "/"), ("GET", "/secrets"), ("GET", "/_vaultbind/stats")]
)
def test_everything_else_is_left_to_others(estate: Estate, method: str, url: str) -> None:
    assert ask(estate, url, method=method) is None


def test_many_objects_are_turned_page_by_page_and_many_versions_cut() -> None:
    estate = Estate(EstateConfig(clock=lambda: NOW))
    shop = estate.driver("shop")
    for number in range(120):
        shop.set_secret(f"s{number:03}", "x")
    for _ in range(30):
        shop.set_secret("s000", "x")
    shown, url = [], "/"
    while url:
        page = text(estate, url)
        shown += re.findall(r'<td class="name">(\w+)', page)
        links = re.findall(r'href="(/\?[^"]+)"', page)
        url = links[0].replace("&amp;", "&").partition("#")[0] if links else ""
    assert shown == [f"s{number:03}" for number in range(120)]
    assert "11 older" in text(estate)


def test_an_empty_emulator_says_how_vaults_come_to_be() -> None:
    assert "No vault yet" in text(Estate(EstateConfig(clock=lambda: NOW)))


def test_moved_time_is_told() -> None:
    estate = Estate(EstateConfig(clock=lambda: NOW))
    estate.time.advance(timedelta(days=-3))
    assert "vaults 3d behind" in text(estate)
