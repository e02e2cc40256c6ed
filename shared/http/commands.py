"""How an endpoint has its command processed: by the service's own processor, in the request's transaction."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request, status

from shared.consumer.processor import Processor

STARTING = "the service is starting: ask again in a moment"


def processor_of(request: Request) -> Processor:
    """The service's processor.

    Raises:
        HTTPException: 503, while the service starts.
    """
    processor: Processor | None = getattr(request.app.state, "processor", None)
    if processor is None:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, STARTING, {"Retry-After": "5"})
    return processor


CommandProcessor = Annotated[Processor, Depends(processor_of)]
