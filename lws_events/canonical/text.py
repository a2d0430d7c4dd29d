"""JSON text exactly as the reference prints it (spec 9.1.4).

No white space, keys sorted by code point at every level, the five characters that Go escapes for HTML, everything
else raw UTF-8. Integers are expected to have been rounded already; see ``typed``.
"""

import json
import re
from typing import Any, Final

_HTML: Final = tuple((character, f"\\u{ord(character):04x}") for character in "<>&\u2028\u2029")
_UNPAIRED: Final = re.compile("[\ud800-\udfff]")
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def json_text(value: Any) -> str:
    """The canonical text of parsed JSON. Raises ``ValueError`` for NaN and infinities, which JSON does not have."""
    text = _ENCODER.encode(value)
    if _UNPAIRED.search(text):
        text = _ENCODER.encode(_without_unpaired_surrogates(value))
    for character, escape in _HTML:
        text = text.replace(character, escape)
    return text


def _without_unpaired_surrogates(value: Any) -> Any:
    match value:
        case str():
            return _UNPAIRED.sub("\ufffd", value)
        case list():
            return [_without_unpaired_surrogates(item) for item in value]
        case dict():
            return {_UNPAIRED.sub("\ufffd", key): _without_unpaired_surrogates(item) for key, item in value.items()}
        case _:
            return value
