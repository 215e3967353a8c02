"""Reads a report as a strict browser would: every tag closed, every reference noted, the visible text apart."""

from __future__ import annotations

from html.parser import HTMLParser

#: A name that tries to break out of every context that a report puts text into.
HOSTILE = "</script></style></title><img src=x onerror=alert(1)><svg onload=alert(2)>\"'`&{{7*7}}"
_VOID = {"meta", "link", "br", "img", "hr", "input"}
_REFERENCES = {"src", "href", "xlink:href", "srcset", "action", "data", "poster", "background", "formaction"}


class Page(HTMLParser):
    """`tags` seen, `references` to anything outside the page, `handlers` (on...), `ids`, and the visible `text`."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.references: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in _REFERENCES:
                self.references.append(value or "")
            if name.startswith("on"):
                self.handlers.append(f"{tag}.{name}")
            if name == "id":
                self.ids.append(value or "")
            if name == "style":
                self.styles.append(value or "")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1] == tag, f"</{tag}> closes <{self._open[-1]}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in {"style", "script"}:
            self.text += f"{data} "


def read(html: str) -> Page:
    """The page, checked for what every report must keep: closed tags, unique ids, nothing foreign, nothing active."""
    page = Page(html)
    assert not {"script", "iframe", "object", "embed", "form", "img", "base"} & set(page.tags)
    assert page.references == ["data:,"]
    assert page.handlers == []
    assert page.styles == []
    assert len(page.ids) == len(set(page.ids))
    assert "url(" not in html
    assert "@import" not in html
    return page
