"""Payments' query for the candidates of claims."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.payments.transfers.claim import Claim, identifies, reference_key, telling_words

# By reference where one with money fits, else by amount and date, with and without money left, with and without a
# reference; of many without money those with the slip's words, which may be this guest's; cards by their number. All
# locks are taken in one sorted order, so that two instances that meet wait for each other and never deadlock.
PAYMENTS = """
WITH slips AS (
    SELECT * FROM jsonb_to_recordset($2)
        AS slip (place int, property_id text, currency text, amount numeric, dated date, reference_key text,
                 words text[])
), by_reference AS (
    SELECT slips.place, near.id, near.has_money FROM slips CROSS JOIN LATERAL (
        SELECT id, has_money FROM payments
        WHERE reference_key = slips.reference_key AND amount = slips.amount
          AND posted_on BETWEEN slips.dated - $4::int AND slips.dated + $4::int
          AND method = 'bank_transfer' AND currency = slips.currency AND property_id IN ('', slips.property_id)
        ORDER BY has_money DESC LIMIT $5) AS near
)
SELECT *, xmin::text AS version FROM payments WHERE id = ANY (ARRAY(
    SELECT unnest($1::uuid[])
    UNION ALL
    SELECT id FROM by_reference
    UNION ALL
    SELECT near.id FROM slips
    CROSS JOIN (VALUES (true, true), (true, false), (false, true), (false, false)) AS kind (has_money, named)
    CROSS JOIN LATERAL (
        SELECT id FROM payments
        WHERE property_id IN ('', slips.property_id) AND amount = slips.amount AND has_money = kind.has_money
          AND posted_on BETWEEN slips.dated - $4::int AND slips.dated + $4::int
          AND method = 'bank_transfer' AND currency = slips.currency AND (reference_key IS NOT NULL) = kind.named
        LIMIT $5) AS near
    WHERE slips.place NOT IN (SELECT place FROM by_reference WHERE has_money)
    UNION ALL
    SELECT near.id FROM slips CROSS JOIN LATERAL (
        SELECT id FROM (
            SELECT id, translate(lower(concat_ws(' ', payer, reference)), 'áàâäãéèêëíìîïóòôöõúùûüñç',
                                 'aaaaaaeeeeiiiiooooouuuunc') AS text
            FROM payments
            WHERE slips.words <> '{}' AND property_id IN ('', slips.property_id) AND amount = slips.amount
              AND NOT has_money AND posted_on BETWEEN slips.dated - $4::int AND slips.dated + $4::int
              AND method = 'bank_transfer' AND currency = slips.currency
            LIMIT 20 * $5) AS used
        WHERE text LIKE ANY (slips.words)
        ORDER BY (SELECT count(*) FROM unnest(slips.words) AS word WHERE text LIKE word) DESC LIMIT $5) AS near
    WHERE slips.place NOT IN (SELECT place FROM by_reference WHERE has_money)
    UNION ALL
    SELECT near.id FROM unnest($3::text[]) AS card (authorization_key) CROSS JOIN LATERAL (
        SELECT id FROM payments WHERE authorization_key = card.authorization_key
        ORDER BY has_money DESC LIMIT $5) AS near
)) ORDER BY id"""


def slips_of(claims: Iterable[Claim]) -> list[dict[str, Any]]:
    """What slips show, by which `PAYMENTS` finds their money."""
    return [
        {
            "place": place,
            "property_id": one.property_id,
            "currency": one.currency,
            "amount": one.slip_amount,
            "dated": one.slip_date,
            "words": [f"%{word}%" for word in telling_words(one)],
            "reference_key": reference_key(one.reference) if identifies(one.reference) else None,
        }
        for place, one in enumerate(claims)
    ]
