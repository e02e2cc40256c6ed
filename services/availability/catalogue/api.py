"""HTTP for editing: every record of a property's catalogue put, removed and listed; CSV in and out."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping, Sequence
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, params
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, create_model

from services.availability.catalogue import csv
from services.availability.catalogue.csv import BrokenLine
from services.availability.catalogue.model import BY_KIND, RECORDS, Record
from services.availability.catalogue.repository import CatalogueRepository
from shared.auth.tokens import Role
from shared.clock import Clock
from shared.contracts.common import Identifier, Reason
from shared.errors import Refusal
from shared.http.app import require_role
from shared.settings import ServiceSettings

MOST_BYTES = 20_000_000
SHOWN = 1000  # broken lines told one by one


class Put(BaseModel):
    """What became of a record: changed, or so already."""

    changed: bool


class Imported(BaseModel):
    """What came of a file: lines taken, how many of them changed something, and those that are broken."""

    taken: int = 0
    changed: int = 0
    broken: int = 0
    broken_lines: list[BrokenLine] = Field(default_factory=list)


class Capacity(BaseModel):
    """How many places there are for each day."""

    type: Identifier
    capacity: int = Field(ge=0, le=10_000)


class CapacitySet(BaseModel):
    """How many there were, and are."""

    before: int
    capacity: int


def router(records: CatalogueRepository, clock: Clock, settings: ServiceSettings) -> APIRouter:
    """The catalogue's endpoints: read by whoever may read, written with a token alone."""
    guards = [Depends(require_role(settings, Role.ADMIN))]
    router = APIRouter(prefix="/catalogue", tags=["catalogue"])

    @router.get("/export")
    async def export(property_id: Identifier | None = None) -> StreamingResponse:
        """The catalogue as CSV, of one property or of all."""
        return StreamingResponse(_exported(records, property_id), media_type="text/csv; charset=utf-8")

    @router.post("/import", responses={403: {}, 413: {}, 422: {}}, dependencies=guards)
    async def import_(request: Request) -> Imported:
        """Take a CSV file: every line that is right goes in, a line at a time; what is not in it stays."""
        text = await _body(request)
        return await _import(records, text, clock)

    @router.put("/capacity/{property_id}", responses={403: {}, 422: {}}, dependencies=guards)
    async def capacity(property_id: Identifier, wanted: Capacity) -> CapacitySet:
        """How many day passes there are for each day."""
        before = await records.set_capacity(property_id, wanted.type, wanted.capacity, clock())
        return CapacitySet(before=before, capacity=wanted.capacity)

    for model in RECORDS:
        _add(router, records, model, clock, guards)
    return router


def _add(
    router: APIRouter, records: CatalogueRepository, model: type[Record], clock: Clock, guards: Sequence[params.Depends]
) -> None:
    """The three endpoints of one kind of record."""

    async def put(record: Record, request: Request) -> Put:
        whole = request.state.caller.properties is None
        return Put(changed=await records.put(record, clock(), all_properties=whole))

    async def remove(which: Any, request: Request) -> None:
        key = tuple(getattr(which, name) for name in model.keys)
        whole = request.state.caller.properties is None
        if not await records.remove(model.kind, key, clock(), all_properties=whole):
            raise HTTPException(404, f"there is no such {model.kind}")

    async def listing(property_id: Identifier | None = None) -> list[Record]:
        return [record async for record in records.listing(model.kind, property_id)]

    path = f"/{model.kind}"
    said: dict[int | str, dict[str, Any]] = {
        403: {"description": "No token is set, so nobody may write."},
        422: {"description": "Refused, with the reason."},
    }
    _sign(put, {"record": model, "request": Request}, Put)
    _sign(remove, {"which": Annotated[_key_of(model), Query()], "request": Request}, None)
    router.add_api_route(
        path,
        put,
        methods=["PUT"],
        dependencies=guards,
        responses=said,
        summary=f"Add or change a {model.kind}",
        name=f"put_{model.kind}",
    )
    router.add_api_route(
        path,
        remove,
        methods=["DELETE"],
        dependencies=guards,
        status_code=204,
        responses={404: {}, **said},
        summary=f"Remove a {model.kind}",
        name=f"remove_{model.kind}",
    )
    router.add_api_route(
        path,
        listing,
        methods=["GET"],
        response_model=list[model],  # type: ignore[valid-type]
        summary=f"Every {model.kind}, of one property or of all",
        name=f"list_{model.kind}",
    )


def _sign(endpoint: Any, taken: Mapping[str, Any], returned: Any) -> None:
    """Tell FastAPI which model this endpoint takes: one function serves every kind."""
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=of) for name, of in taken.items()]
    endpoint.__signature__ = Signature(parameters, return_annotation=returned)


def _key_of(model: type[Record]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name in model.keys:
        field = model.model_fields[name]
        annotation: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        fields[name] = (annotation, ... if field.is_required() else None)
    return create_model(f"{model.__name__}Key", **fields)


async def _exported(records: CatalogueRepository, property_id: str | None) -> AsyncIterator[str]:
    yield csv.header()
    for kind in BY_KIND:
        async for page in records.pages(kind, property_id):
            yield csv.write(page)


async def _body(request: Request) -> str:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"the file is larger than {MOST_BYTES} bytes: split it")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "the file is not in UTF-8: save it as CSV UTF-8"
        raise Refusal(Reason.INVALID_REQUEST, text, field="file") from None


async def _import(records: CatalogueRepository, text: str, clock: Clock) -> Imported:
    done = Imported()
    order = {kind: place for place, kind in enumerate(BY_KIND)}
    good: list[tuple[int, Record]] = []
    for line in csv.read(io.StringIO(text, newline="")):
        if isinstance(line, BrokenLine):
            _note(done, line)
        else:
            good.append(line)
    for number, record in sorted(good, key=lambda line: order[line[1].kind]):
        try:
            done.changed += await records.put(record, clock())
            done.taken += 1
        except Refusal as refusal:
            _note(done, csv.broken_by(number, refusal, record))
    done.broken_lines.sort(key=lambda line: line.number)
    return done


def _note(done: Imported, line: BrokenLine) -> None:
    done.broken += 1
    if len(done.broken_lines) < SHOWN:
        done.broken_lines.append(line)
