"""The screen of ``flowkit top``: draws each reading, and obeys each key."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from ...configuration.redis_url import redact_url
from ..awaiting import signals_raise
from .feed import Feed
from .keys import Keyboard
from .model import Action, Model
from .screen import draw

if TYPE_CHECKING:
    from ...client.client import Client

REDRAW_S = 1.0  # at least this often, so that a new size of the terminal is noticed


def run_screen(client: Client, limit: int, interval: float) -> None:
    """Show the screen until the user quits. The terminal is always restored."""
    console, feed = Console(), Feed(client, limit, interval)
    where = (
        f"{client.settings.namespace} at {' '.join(map(redact_url, (client.url or '').split()))}"
    )
    with (
        signals_raise(),
        Keyboard(sys.stdin.fileno()) as keyboard,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        feed.start()
        try:
            _converse(Model(), feed, keyboard, live, where)
        finally:
            feed.stop()


def _converse(model: Model, feed: Feed, keyboard: Keyboard, live: Live, where: str) -> None:
    while True:
        reading = feed.take()
        if reading.activity is not None:
            model.take(reading.activity)
        model.message = reading.message or model.message
        width, height = live.console.size
        live.update(draw(model, reading, where, width, height), refresh=True)
        for key in keyboard.wait(REDRAW_S, feed.news):
            action = model.press(key)
            if action is Action.QUIT:
                return
            if action is Action.CANCEL:
                feed.cancel(model.asks_about)
                model.asks_about = ""
        feed.look_at(model.looking_at)
