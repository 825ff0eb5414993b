"""Reading a page of the console as a person does: its words in one line, without the markup."""

from __future__ import annotations

import re
from typing import Any

from django.urls import reverse
from django.utils.html import strip_tags

from certificates.models import Certificate, KeyPair


def page(instance: KeyPair | Certificate) -> str:
    return reverse(f"admin:certificates_{instance._meta.model_name}_change", args=[instance.pk])


def words(html: str) -> str:
    """Return what a reader reads below the page's head, in one line."""
    body = html[
        html.index('id="content-main"') if 'id="content-main"' in html else html.index('"lk-calendar"') :
    ]
    return " ".join(strip_tags(re.sub(r"<(?:dd|dt|li|p|br|div|span|text)\b", r" \g<0>", body)).split())


def read(client: Any, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return words(answer.content.decode())


def told(text: str, *wanted: str) -> list[str]:
    """Return those of ``wanted`` that the page does not say."""
    return [sentence for sentence in wanted if sentence not in text]
