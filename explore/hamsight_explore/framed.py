"""The page in a frame of a notebook."""

from __future__ import annotations

from html import escape
from string import Template
from urllib.parse import urlsplit

_HEIGHT = 760
# A frame sends the page's cookie only where it has the name of the notebook's own host.
_FRAME = Template(
    """<div><p>The page of the catalog: <a href="$link" target="_blank"
 rel="noopener noreferrer">open it in a tab</a> (the link serves once)</p><script>
(function () {
  const place = document.currentScript.parentElement;
  const address = new URL("$link");
  const loopback = ["localhost", "127.0.0.1", "[::1]"];
  if ($framing) {
    if (!loopback.includes(location.hostname)) return;
    address.hostname = location.hostname;
    address.searchParams.set("frame", location.origin);
  }
  const frame = document.createElement("iframe");
  frame.src = address;
  frame.title = "Hamsight";
  frame.allow = "clipboard-read; clipboard-write";
  frame.style = "width: 100%; height: ${height}px; border: 1px solid #8888";
  place.replaceChildren(frame);
})();
</script></div>"""
)


def framed(link: str, *, framing: bool) -> str:
    """Return HTML that shows the page at a link that serves once.

    With `framing` the notebook, where it is on this machine, says by the link that it frames the
    page. Else the page is where a proxy has it, whose origin may.
    """
    parts = urlsplit(link)
    assert parts.scheme in ("http", "https")
    said = escape(link, quote=True)
    return _FRAME.substitute(link=said, framing=str(framing).lower(), height=_HEIGHT)
