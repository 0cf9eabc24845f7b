"""The console in a real browser: it works with nothing but this machine, and does what it shows."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect, sync_playwright

from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import SendNotRequested
from tests.e2e import wire
from tests.e2e.house import House, eventually, texts

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="There is no Chromium on this machine, so nobody can look at the console."
)


class Browser:
    """One tab, and everything that it asked for or complained about."""

    def __init__(self, page: Page, house: House) -> None:
        self.page, self.house = page, house
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def open(self, path: str, *, with_key: bool = True) -> None:
        """Open a page as the address that `siyu up` prints does."""
        key = f"#key={self.house.demo['api_key']}" if with_key else ""
        self.page.goto(f"{self.house.base}{path}{key}")

    def left_this_machine(self) -> list[str]:
        """Requests to anybody else."""
        return [
            u
            for u in self.asked
            if urlsplit(u).scheme not in {"data", "blob"} and not self._is_here(u)
        ]

    def _is_here(self, url: str) -> bool:
        return urlsplit(url).netloc == urlsplit(self.house.base).netloc


@pytest.fixture
def browser(house: House) -> Iterator[Browser]:
    """A browser that finds no other machine."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = chromium.new_context(locale="zh-CN")
        made = Browser(context.new_page(), house)
        yield made
        chromium.close()
    assert made.left_this_machine() == []
    assert made.complaints == []


def try_out(page: Page, operation: str, **fields: str) -> Locator:
    """Fill in an operation of Swagger UI, execute it, and hand back what it shows."""
    block = page.locator(f"#operations-{operation}")
    block.scroll_into_view_if_needed()
    if "is-open" not in (block.get_attribute("class") or ""):
        block.locator(".opblock-summary-control").click()
    for name, value in fields.items():
        if name == "body":
            block.locator("textarea.body-param__text").fill(value)
        else:
            block.locator(f'tr[data-param-name="{name}"] input').fill(value)
    block.get_by_role("button", name="Execute").click()
    live = block.locator(".live-responses-table")
    expect(live.locator("tbody .response-col_status").first).to_contain_text(re.compile(r"\d{3}"))
    return live


def test_trying_it_out_sends_a_message_to_a_fan_and_shows_the_answer(
    house: House, browser: Browser
) -> None:
    asked = wire.said("e2e-console", "多少钱")
    house.say(asked)
    conversation = house.decision(asked)["conversation_id"]

    browser.open("/console/api")
    page = browser.page
    page.locator("#operations-tag-conversations").click()
    shown = try_out(
        page,
        "conversations-send_message",
        **{
            "conversation_id": conversation,
            "idempotency-key": "a-key-from-the-console",
            "body": '{"text": "这是控制台发出的"}',
        },
    )
    expect(shown).to_contain_text("202")
    expect(shown).to_contain_text('"state": "queued"')

    eventually(lambda: "这是控制台发出的" in texts(house.sent(to_user_id=asked.fan)))
    eventually(house.at_rest)
    timeline = try_out(page, "conversations-get_timeline", conversation_id=conversation)
    expect(timeline).to_contain_text("这是控制台发出的")
    expect(timeline).to_contain_text('"state": "sent"')


def test_the_key_is_taken_out_of_the_address_and_never_sent_but_as_a_credential(
    house: House, browser: Browser
) -> None:
    browser.open("/console")
    expect(browser.page.locator("#tiles .tile")).to_have_count(6)
    key = house.demo["api_key"]
    assert key not in browser.page.url
    assert not [url for url in browser.asked if key in url]
    assert key not in browser.page.content()


def test_without_a_key_the_console_asks_for_one_and_says_why_it_will_not_do(
    house: House, browser: Browser
) -> None:
    browser.open("/console", with_key=False)
    page = browser.page
    expect(page.locator("#ask")).to_be_visible()
    expect(page.locator("#shown")).to_be_hidden()
    page.locator("#typed").fill("dyk_live_nobody")
    page.locator("#ask button").click()
    expect(page.locator("#refused")).to_contain_text("需要身份验证")
    browser.complaints.clear()  # the browser notes the 401
    page.locator("#typed").fill(house.demo["api_key"])
    page.locator("#ask button").click()
    expect(page.locator("#shown")).to_be_visible()


def test_a_dead_letter_is_shown_explained_and_redriven(house: House, browser: Browser) -> None:
    asked = wire.said("e2e-letter", "多少钱")
    house.say(asked)
    story = house.decision(asked)
    event = SendNotRequested(operation_id=story["operation_id"], reservation_id="rsv_nobody")
    origin = Origin(house.demo["organization_id"], house.demo["account_id"], story["cause"], "-")
    letter = Envelope.of(event, origin, subject="x<img src=x>", seq=1, at=datetime.now(UTC))
    house.rows(
        "INSERT INTO quota.quarantine (id, lane, envelope, attempts, reason, quarantined_at)"
        " VALUES ($1, 'settled', $2, 5, '<script>alert(1)</script>', now()) RETURNING id",
        *(letter.id, letter.dump()),
    )

    browser.open("/console")
    row = browser.page.locator("#letters tbody tr", has_text=letter.id)
    expect(row).to_contain_text("direct_messages.send_not_requested")
    expect(row).to_contain_text("<script>alert(1)</script>")
    expect(row).to_contain_text(story["cause"])
    row.get_by_role("button", name="查看决策").click()
    expect(browser.page.locator("#told")).to_contain_text('"outcome": "replied"')
    browser.page.get_by_role("button", name="关闭").click()

    row.get_by_role("button", name="重新投递").click()
    expect(row).to_have_count(0, timeout=15_000)
    assert not house.rows("SELECT 1 FROM quota.quarantine WHERE id = $1", letter.id)


def test_every_error_can_be_looked_up(browser: Browser) -> None:
    browser.open("/problems", with_key=False)
    browser.page.get_by_role("link", name="quota.exhausted").click()
    expect(browser.page.locator("main")).to_contain_text("配额已用尽")
    expect(browser.page.locator("main")).to_contain_text("Quota exhausted")
