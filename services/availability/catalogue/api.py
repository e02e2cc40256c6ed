"""The catalogue over HTTP: records are put, removed and listed, and exchanged as CSV."""

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
MOST_LINES = 1000  # broken lines that an answer lists


class Put(BaseModel):
    """Whether a record was changed; false when it was the same already."""

    changed: bool


class Imported(BaseModel):
    """What came of a file: how many lines were taken, how many of them changed a record, and the broken lines."""

    taken: int = 0
    changed: int = 0
    broken: int = 0
    broken_lines: list[BrokenLine] = Field(default_factory=list)


class Capacity(BaseModel):
    """How many places of a type there are for each day."""

    type: Identifier
    capacity: int = Field(ge=0, le=10_000)


class CapacitySet(BaseModel):
    """How many places there were, and how many there are now."""

    before: int
    capacity: int


def router(catalogue: CatalogueRepository, clock: Clock, settings: ServiceSettings) -> APIRouter:
    """The catalogue's endpoints; writing needs the role admin."""
    guards = [Depends(require_role(settings, Role.ADMIN))]
    router = APIRouter(prefix="/catalogue", tags=["catalogue"])

    @router.get("/export")
    async def export(property_id: Identifier | None = None) -> StreamingResponse:
        """The catalogue as CSV, of one property or of all."""
        return StreamingResponse(_exported(catalogue, property_id), media_type="text/csv; charset=utf-8")

    @router.post("/import", responses={403: {}, 413: {}, 422: {}}, dependencies=guards)
    async def import_(request: Request) -> Imported:
        """Import a CSV file line by line: valid lines are applied, others reported. Records that it lacks stay."""
        text = await _body(request)
        return await _import(catalogue, text, clock)

    @router.put("/capacity/{property_id}", responses={403: {}, 422: {}}, dependencies=guards)
    async def capacity(property_id: Identifier, wanted: Capacity) -> CapacitySet:
        """Set how many day passes there are for each day."""
        before = await catalogue.set_capacity(property_id, wanted.type, wanted.capacity, clock())
        return CapacitySet(before=before, capacity=wanted.capacity)

    for model in RECORDS:
        _add(router, catalogue, model, clock, guards)
    return router


def _add(
    router: APIRouter,
    catalogue: CatalogueRepository,
    model: type[Record],
    clock: Clock,
    guards: Sequence[params.Depends],
) -> None:
    """Add the three endpoints of one kind of record."""

    async def put(record: Record, request: Request) -> Put:
        whole = request.state.caller.properties is None
        return Put(changed=await catalogue.put(record, clock(), all_properties=whole))

    async def remove(record_key: Any, request: Request) -> None:
        key = tuple(getattr(record_key, name) for name in model.keys)
        whole = request.state.caller.properties is None
        if not await catalogue.remove(model.kind, key, clock(), all_properties=whole):
            raise HTTPException(404, f"there is no such {model.kind}")

    async def listing(property_id: Identifier | None = None) -> list[Record]:
        return [record async for record in catalogue.listing(model.kind, property_id)]

    path = f"/{model.kind}"
    responses: dict[int | str, dict[str, Any]] = {
        403: {"description": "No token is set, so nobody may write."},
        422: {"description": "Refused, with the reason."},
    }
    _set_signature(put, {"record": model, "request": Request}, Put)
    _set_signature(remove, {"record_key": Annotated[_key_of(model), Query()], "request": Request}, None)
    router.add_api_route(
        path,
        put,
        methods=["PUT"],
        dependencies=guards,
        responses=responses,
        summary=f"Add or change a {model.kind}",
        name=f"put_{model.kind}",
    )
    router.add_api_route(
        path,
        remove,
        methods=["DELETE"],
        dependencies=guards,
        status_code=204,
        responses={404: {}, **responses},
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


def _set_signature(endpoint: Any, given: Mapping[str, Any], returned: Any) -> None:
    """Give an endpoint that serves every kind the signature for one kind, which FastAPI reads."""
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=kind) for name, kind in given.items()]
    endpoint.__signature__ = Signature(parameters, return_annotation=returned)


def _key_of(model: type[Record]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name in model.keys:
        field = model.model_fields[name]
        annotation: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        fields[name] = (annotation, ... if field.is_required() else None)
    return create_model(f"{model.__name__}Key", **fields)


async def _exported(catalogue: CatalogueRepository, property_id: str | None) -> AsyncIterator[str]:
    yield csv.header()
    for kind in BY_KIND:
        async for page in catalogue.pages(kind, property_id):
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


async def _import(catalogue: CatalogueRepository, text: str, clock: Clock) -> Imported:
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
            done.changed += await catalogue.put(record, clock())
            done.taken += 1
        except Refusal as refusal:
            _note(done, csv.broken_by(number, refusal, record))
    done.broken_lines.sort(key=lambda line: line.number)
    return done


def _note(done: Imported, line: BrokenLine) -> None:
    done.broken += 1
    if len(done.broken_lines) < MOST_LINES:
        done.broken_lines.append(line)
