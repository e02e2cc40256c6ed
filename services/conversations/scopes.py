"""Whose a request to conversations is."""

from __future__ import annotations

from shared.auth.scopes import ALL_PROPERTIES, PROPERTY, Owner, Scopes, about

_THREAD = "SELECT property_id FROM threads WHERE id = $1"
_REPLY = "SELECT t.property_id FROM replies r JOIN threads t ON t.id = r.thread_id WHERE r.id = $1"
_OF_THREAD = about("thread_id")

SCOPES = Scopes(
    owners={"thread_id": Owner("thread", _THREAD), "reply_id": Owner("reply", _REPLY)},
    rules={
        "GET /threads": about(PROPERTY, free=["booking_id"]),
        "GET /threads/{thread_id}": _OF_THREAD,
        "GET /threads/{thread_id}/messages": _OF_THREAD,
        "PUT /threads/{thread_id}/read": _OF_THREAD,
        "GET /threads/{thread_id}/replies": _OF_THREAD,
        "POST /threads/{thread_id}/replies": _OF_THREAD,
        "GET /replies/{reply_id}": about("reply_id"),
        "GET /messages": about(PROPERTY),
        "GET /unread": ALL_PROPERTIES,
        "POST /relink": ALL_PROPERTIES,  # a tenant's threads may be of several properties
    },
)
