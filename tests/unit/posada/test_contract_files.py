"""The exported contract: valid, self-contained, the same every time, and committed as it stands."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from typer.testing import CliRunner

from posada.cli.reference.schemas import current_files
from posada.examples import example, filled, transfer_for
from posada.main import make_app
from shared.contracts.booking import BookingRequested
from shared.contracts.payments import TransferArrived
from shared.contracts.topics import ALL_TOPICS
from shared.contracts_export import ASYNCAPI_FILE, stale_files, write_files
from shared.messages.message import message_types
from tests.support.paths import ROOT

FILES = current_files()
MESSAGES = sorted(name for name in FILES if name != ASYNCAPI_FILE)


def document() -> dict[str, Any]:
    """The AsyncAPI document."""
    read: dict[str, Any] = json.loads(FILES[ASYNCAPI_FILE])
    return read


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_schema_is_valid_json_schema(name: str) -> None:
    schema = json.loads(FILES[name])
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:{name.removesuffix('.json')}"


def test_every_registered_message_is_exported() -> None:
    ours = {name for name in message_types() if name.startswith("posada.")}
    assert {name.removesuffix(".json") for name in MESSAGES} == ours


def test_the_files_are_the_same_every_time_and_sorted() -> None:
    assert current_files() == FILES
    for text in FILES.values():
        assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def test_the_committed_files_are_current() -> None:
    assert stale_files(ROOT / "contracts", FILES) == []


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    whole = document()
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', FILES[ASYNCAPI_FILE]):
        place: Any = whole
        for step in reference.split("/"):
            place = place[step]


def test_the_asyncapi_document_has_every_topic_with_its_partitions() -> None:
    channels = document()["channels"]
    partitions = {name: channel["bindings"]["kafka"]["partitions"] for name, channel in channels.items()}
    assert partitions == {topic.name: topic.partitions for topic in ALL_TOPICS}


def test_every_message_travels_on_exactly_one_channel() -> None:
    carried = [name for channel in document()["channels"].values() for name in channel["messages"]]
    assert sorted(carried) == sorted(document()["components"]["messages"])


def test_gateways_send_requests_and_read_events() -> None:
    operations = document()["operations"]
    assert operations["receive.posada.booking.requests"]["action"] == "receive"
    assert "send.posada.booking.requests" not in operations
    assert "receive.posada.booking.events" not in operations
    assert {"send.posada.booking.replies", "receive.posada.booking.replies"} <= operations.keys()


def test_the_example_fits_its_schema_and_its_model() -> None:
    request = example()
    Draft202012Validator(json.loads(FILES[f"{BookingRequested.type_name}.json"])).validate(request)
    assert len(BookingRequested.model_validate(request).rooms) == 3


def test_the_schema_refuses_what_the_model_refuses() -> None:
    validator = Draft202012Validator(json.loads(FILES[f"{TransferArrived.type_name}.json"]))
    with pytest.raises(ValidationError):
        validator.validate({"transfer_id": "T1", "posted_on": "2026-03-01"})


def test_the_example_lies_in_the_future_and_is_new_every_time() -> None:
    one, other = example(), example()
    assert date.fromisoformat(one["check_in"]) > date.today()  # noqa: DTZ011  # the guest's own day
    assert one["request_id"] != other["request_id"]
    assert one["payment"]["reference"] != other["payment"]["reference"]


def test_the_transfer_matches_the_example() -> None:
    request = example()
    transfer = transfer_for(request)
    assert str(transfer.amount) == request["payment"]["slip_amount"]
    assert transfer.reference == request["payment"]["reference"]
    assert transfer.posted_on.isoformat() == request["payment"]["slip_date"]


def test_blanks_are_filled_in_and_anything_else_is_left() -> None:
    text = "{{today}} {{today+30}} {{ today - 1 }} {{new}}={{new}} {{tomorrow}}"
    first, later, before, same, left = filled(text, date(2026, 2, 27)).split()
    assert (first, later, before, left) == ("2026-02-27", "2026-03-29", "2026-02-26", "{{tomorrow}}")
    assert len(set(same.split("="))) == 1


def test_writing_removes_what_belongs_to_no_message(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    (tmp_path / "posada.gone.v1.json").write_text("{}")
    (tmp_path / MESSAGES[0]).write_text("{}")
    assert stale_files(tmp_path, FILES) == sorted(["posada.gone.v1.json", MESSAGES[0]])
    assert write_files(tmp_path, FILES) == sorted(["posada.gone.v1.json", MESSAGES[0]])
    assert stale_files(tmp_path, FILES) == []


def test_the_command_writes_and_then_finds_all_current(tmp_path: Path) -> None:
    app = make_app()
    assert CliRunner().invoke(app, ["schemas", "--out", str(tmp_path)]).exit_code == 0
    assert CliRunner().invoke(app, ["schemas", "--check", "--out", str(tmp_path)]).exit_code == 0
