"""The table of docs/ui.md has every path of the API, with its parameters, and each of them answers."""

import json
import re
from pathlib import Path
from typing import Any, Final

from adapters.web import api
from tests.unit.cli.recreated_group import recreated_group
from tests.unit.web.serving_page import asked_of, stored

PAGE: Final = (Path(__file__).parents[3] / "docs" / "ui.md").read_text()
ROWS: Final = re.findall(r"^\| `([a-z][a-zA-Z/-]*)(\?[^`]*)?` \|", PAGE, re.MULTILINE)
_NAMES: Final = {"NAMESPACE": "default", "NAME": "sample", "GROUP": "0"}


def _plain(path: str) -> str:
    return re.sub("|".join(sorted(_NAMES, key=len, reverse=True)), lambda found: _NAMES[found[0]], path)


def test_the_table_is_complete() -> None:
    templates = {path.removeprefix(f"{api.ROOT}/") for path in (*api._QUESTIONS, f"{api.ROOT}/changes")}
    written = {
        path.replace("NAMESPACE", "{namespace}").replace("NAME", "{name}").replace("GROUP", "{group}")
        for path, _ in ROWS
    }
    assert written == templates


async def test_every_path_answers_with_and_without_its_parameters() -> None:
    values = {"at": "20", "group": "0", "after": "3", "until": "30", "limit": "5"}
    async with asked_of(await stored(recreated_group()), now_ms=lambda: 2_000_000_000_000) as asking:
        for path, query in ROWS:
            if path == "changes":
                continue
            await asking.get(f"/{_plain(path)}")
            names: list[str] = re.findall(r"[a-z]+", query)
            assert set(names) <= set(values)
            given: dict[str, Any] = {name: values[name] for name in names}
            await asking.get(f"/{_plain(path)}", **given)


async def test_the_error_that_is_shown_is_what_is_answered() -> None:
    [shown] = re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    story = recreated_group()
    async with asked_of(await stored(story)) as asking:
        refused = await asking.get("/sets/default/nothing", status=404)
    assert json.loads(shown) == json.loads(json.dumps(refused).replace("nothing", "sample"))
