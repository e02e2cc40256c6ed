"""Every topic, with its partitions: who writes it, who reads it, and what its key is."""

from __future__ import annotations

from datetime import timedelta

from shared.kafka.topics import Topic, Writers, dead, internal

__all__ = ("dead", "internal")

SERVICES = ("availability", "booking", "payments", "notifications", "conversations")

BOOKING_REQUESTS = Topic(
    "posada.booking.requests",
    "Booking requests from chat gateways. Any key; the request's own id is what counts.",
    public=True,
    default_type="posada.booking.requested.v1",
    writers=Writers.GATEWAYS,
)
BOOKING_EVENTS = Topic(
    "posada.booking.events",
    "The outcome of every booking and what becomes of it later, keyed by booking id.",
    public=True,
    retention=timedelta(days=30),
)
# Separate from the events: there are many steps, and readers of outcomes need not read them.
BOOKING_PROGRESS = Topic(
    "posada.booking.progress", "Every step of every booking on its way, keyed by booking id.", partitions=2, public=True
)
BOOKING_REPLIES = Topic("posada.booking.replies", "What the other services answer to the saga, keyed by booking id.")

AVAILABILITY_REQUESTS = Topic(
    "posada.availability.requests",
    "Room-count requests from chat gateways. Any key.",
    public=True,
    default_type="posada.availability.count-requested.v1",
    writers=Writers.GATEWAYS,
)
AVAILABILITY_ANSWERS = Topic(
    "posada.availability.answers",
    "Answers to room-count requests, keyed by the request's id.",
    public=True,
    retention=timedelta(days=1),
)
AVAILABILITY_COMMANDS = Topic(
    "posada.availability.commands",
    "Holds, bookings and releases of rooms, keyed by property: each property has one writer at a time.",
)

PAYMENTS_COMMANDS = Topic(
    "posada.payments.commands", "Reservations, captures and releases of money, keyed by booking id."
)
PAYMENTS_REQUESTS = Topic(
    "posada.payments.requests",
    "Gateways' questions about payments, and what they tell of guests who wait for theirs. Any key.",
    partitions=2,
    public=True,
    default_type="posada.payments.verify-payment.v1",
    writers=Writers.GATEWAYS,
)
PAYMENTS_ANSWERS = Topic(
    "posada.payments.answers",
    "Answers to questions about payments, keyed by the question's id, and what of gateways' requests is refused.",
    partitions=2,
    public=True,
    retention=timedelta(days=1),
)
PAYMENTS_TRANSFERS = Topic(
    "posada.payments.transfers",
    "Money that arrived: bank transfers and card authorisations, from the feeds. Any key.",
    public=True,
    default_type="posada.payments.transfer-arrived.v1",
    writers=Writers.SOURCES,
)

CONVERSATIONS_MESSAGES = Topic(
    "posada.conversations.messages",
    "Chat messages between tenants and staff, from chat gateways. Key: the sender's phone or id.",
    public=True,
    default_type="posada.conversations.chat-message.v1",
    writers=Writers.GATEWAYS,
)
NOTIFICATIONS_EVENTS = Topic(
    "posada.notifications.events", "What a person has to look at, and when guests wrote.", partitions=1, public=True
)


SHARED_TOPICS = (
    BOOKING_REQUESTS,
    BOOKING_EVENTS,
    BOOKING_PROGRESS,
    BOOKING_REPLIES,
    AVAILABILITY_REQUESTS,
    AVAILABILITY_ANSWERS,
    AVAILABILITY_COMMANDS,
    PAYMENTS_COMMANDS,
    PAYMENTS_REQUESTS,
    PAYMENTS_ANSWERS,
    PAYMENTS_TRANSFERS,
    CONVERSATIONS_MESSAGES,
    NOTIFICATIONS_EVENTS,
)
ALL_TOPICS = (*SHARED_TOPICS, *(make(service) for service in SERVICES for make in (internal, dead)))
