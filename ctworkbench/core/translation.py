"""Texts for people in the reader's language: Python's gettext over one catalogue, English where it says nothing.

A translation is `resources/locale/LANGUAGE/LC_MESSAGES/ctworkbench.mo`, made from `ctworkbench.pot` beside it, which
`scripts/extract_texts.py` writes. The language is that of the system (LANGUAGE, LC_ALL, LC_MESSAGES, LANG).
"""

import gettext
from functools import cache

from ctworkbench.core.settings import resource

DOMAIN = "ctworkbench"


@cache
def catalogue(language: str = "") -> gettext.NullTranslations:
    """The texts of a language ("de"), of the system's by default; those of the program itself where there is none."""
    wanted = [language] if language else None
    return gettext.translation(DOMAIN, resource("locale"), languages=wanted, fallback=True)


def _(text: str) -> str:
    """A text in the system's language; put names into it with `.format`, after it was translated."""
    return catalogue().gettext(text)
