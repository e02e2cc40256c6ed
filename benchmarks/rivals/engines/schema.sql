-- What every rival keeps: the essentials of Posada's tables, in one database.
CREATE TABLE rooms (
    property_id text,
    number text,
    type_key text NOT NULL,
    PRIMARY KEY (property_id, number)
);
CREATE INDEX rooms_type_idx ON rooms (property_id, type_key, number);

CREATE TABLE holds (
    booking_id uuid PRIMARY KEY,
    property_id text NOT NULL,
    check_in date NOT NULL,
    check_out date NOT NULL,
    rooms text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('held', 'booked', 'released')),
    codes text[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 85);

-- One row for each room and night that somebody has: the guard against selling one twice.
CREATE TABLE room_nights (
    property_id text,
    room text,
    night date,
    booking_id uuid NOT NULL,
    PRIMARY KEY (property_id, room, night)
);
CREATE INDEX room_nights_booking_idx ON room_nights (booking_id);

CREATE TABLE payments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    authorization_number text NOT NULL UNIQUE,
    amount numeric(12, 2) NOT NULL CHECK (amount > 0),
    reserved numeric(12, 2) NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    captured numeric(12, 2) NOT NULL DEFAULT 0 CHECK (captured >= 0),
    codes text[] NOT NULL DEFAULT '{}',
    CONSTRAINT not_overdrawn CHECK (reserved + captured <= amount)
) WITH (fillfactor = 85);

CREATE TABLE reservations (
    booking_id uuid PRIMARY KEY,
    payment_id bigint NOT NULL REFERENCES payments,
    amount numeric(12, 2) NOT NULL CHECK (amount > 0),
    state text NOT NULL CHECK (state IN ('reserved', 'captured', 'released'))
) WITH (fillfactor = 85);

CREATE TABLE code_counters (
    property_id text PRIMARY KEY,
    prefix text NOT NULL,
    next integer NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE bookings (
    id uuid PRIMARY KEY,
    property_id text NOT NULL,
    check_in date NOT NULL,
    check_out date NOT NULL,
    guest text NOT NULL,
    amount numeric(12, 2) NOT NULL
);

CREATE TABLE codes (
    code text PRIMARY KEY,
    booking_id uuid NOT NULL REFERENCES bookings,
    room text NOT NULL,
    UNIQUE (booking_id, room)
);
