"""Printing JSON: the documents of ``client/documents``, and values of users."""

from __future__ import annotations

import json

import click

from ..client.documents.document import Document, to_mapping
from ..codec.plain import plain


def print_document(document: Document) -> None:
    """Print one JSON document, indented.

    The output is ASCII without control characters. DEL is the only one that ``json`` leaves raw.
    """
    _print(json.dumps(to_mapping(document), indent=2))


def print_document_line(document: Document) -> None:
    """Print one JSON document on one line: for commands that print many of them."""
    _print(json.dumps(to_mapping(document)))


def print_value(value: object) -> None:
    """Print a value of the user as JSON, without a schema."""
    _print(json.dumps(plain(value), indent=2))


def _print(text: str) -> None:
    click.echo(text.replace("\x7f", "\\u007f"))
