"""A hint at the language of a phone number: that of the country its calling code names. Only where one is usual."""

_LANGUAGES = {
    "1": "en", "27": "en", "44": "en", "61": "en", "64": "en", "353": "en",
    "33": "fr", "34": "es", "52": "es", "54": "es", "57": "es", "39": "it", "351": "pt", "55": "pt",
    "36": "hu", "43": "de", "49": "de", "7": "ru", "380": "uk", "90": "tr",
    "381": "sr", "382": "sr", "385": "hr", "386": "sl", "387": "bs", "389": "mk", "374": "hy",
    "20": "ar", "962": "ar", "965": "ar", "966": "ar", "971": "ar", "974": "ar",
}  # fmt: skip


def language_of(phone: str | None) -> str | None:
    """The language of an international number's country (digits only, no plus); None where nothing can be said."""
    if not phone or not phone.isascii() or not phone.isdigit():
        return None
    return next((_LANGUAGES[phone[:size]] for size in (3, 2, 1) if phone[:size] in _LANGUAGES), None)
