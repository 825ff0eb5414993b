"""The bank's JSON is read exactly or refused with a reason."""

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bankfeeds.jpmorgan import faults, wire
from tests.bankfeeds.jpmorgan.bodies import balances_body, day, envelope, page_body, record

HEAD = b'"pagination":{"totalPages":1,"pageNumber":1,"totalRecords":1}'


def test_a_page_says_what_it_is_part_of_and_keeps_its_records_raw() -> None:
    page = wire.transactions_page(page_body([record(1), record(2)], number=2, pages=3, total=7))

    assert page.pagination == wire.Pagination(total_pages=3, page_number=2, total_records=7)
    assert [json.loads(bytes(raw)) for raw in page.data] == [record(1), record(2)]


def test_a_record_is_read_with_its_numbers_exact() -> None:
    raw = json.dumps(record()).replace('"amount": 12500', '"amount": 1000000000000000.10').encode()

    assert wire.transaction(raw) == wire.Transaction(
        transaction_id="TXN-P-410020001-1",
        account=wire.Account(account_id="000000700100200", currency=wire.Currency(code="USD")),
        as_of_date="2026-01-05",
        value_date="2026-01-05",
        debit_credit_code="CREDIT",
        amount=Decimal("1000000000000000.10"),
        currency=wire.Currency(code="USD"),
        bai_type=wire.BaiType(type_code="195", description="IND INCOMING MONEY TRANSFER"),
        bank_reference_searchable=wire.Reference(standard_value="0004410005FF"),
        customer_reference_searchable=wire.Reference(standard_value="INV-20417"),
        check_number=0,
        short_description="FED WIRE CREDIT",
        reversal=False,
        narrative_text={"YOUR REF    ": "INV-20417", "REMARK      ": "INVOICE 20417 JANUARY"},
    )


def test_optional_fields_may_be_missing_null_or_unknown() -> None:
    assert wire.transaction(b'{"shortDescription":null,"sepaDetailsXml":null,"novelty":{"x":[1]}}') == (
        wire.Transaction()
    )


@pytest.mark.parametrize("data", [b'"data":[]', b'"data":null', b'"novelty":1'])
def test_a_page_may_be_empty(data: bytes) -> None:
    page = wire.transactions_page(
        b'{"pagination":{"totalPages":0,"pageNumber":1,"totalRecords":0},' + data + b"}"
    )

    assert (page.pagination.total_pages, list(page.data)) == (0, [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html><body>Maintenance</body></html>",
        b"{}",
        b'{"data":null}',
        b'{"data":[{}]}',
        b'{"pagination":null,"data":[{}]}',
        b'{"pagination":{"totalPages":1,"pageNumber":1},"data":[]}',
        b'{"pagination":{"totalPages":-1,"pageNumber":1,"totalRecords":0},"data":[]}',
        b'{"pagination":{"totalPages":1,"pageNumber":1,"totalRecords":1.0},"data":[]}',
        b'{"pagination":{"totalPages":1,"pageNumber":1,"totalRecords":"1"},"data":[]}',
        b'{"pagination":{"totalPages":1,"pageNumber":true,"totalRecords":1},"data":[]}',
        b"{" + HEAD + b',"data":{}}',
        b"{" + HEAD + b',"data":[{}',
        b"{" + HEAD + b',"data":[{}]}{}',
        b"{" + HEAD + b',"data":[{"amount":NaN}]}',
        b"{" + HEAD + b',"data":[{"amount":01}]}',
        b"{" + HEAD + b',"data":[{"amount":Infinity}]}',
        b"{" + HEAD + b',"data":[{"a":"\x00"}]}',
        b"{" + HEAD + b',"data":[{"a":"\xff"}]}',
        b"{" + HEAD + b',"data":[],"note":"\xe4"}',
        b"\xef\xbb\xbf{" + HEAD + b',"data":[]}',
        ("{" + HEAD.decode() + ',"data":[]}').encode("utf-16"),
        b"{" + HEAD + b',"data":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        b"{" + HEAD + b',"data":[],"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b"{" + HEAD + b',"data":[],"data":[{}]}',
        b"{" + HEAD + b',"data":[{}],"data":[{}]}',
        b"{" + HEAD + b"," + HEAD + b',"data":[{}]}',
        b'{"pagination":{"totalPages":9,"totalPages":1,"pageNumber":1,"totalRecords":1},"data":[{}]}',
        b"{" + HEAD + b',"d\\u0061ta":[],"data":[{}]}',
    ],
)
def test_nothing_is_taken_from_a_page_that_is_not_whole(body: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.transactions_page(body)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[]", "unexpected shape"),
        (b"3", "unexpected shape"),
        (b'{"amount":"12.50"}', "a text, not a number"),
        (b'{"amount":true}', r"unexpected shape: .* at `\$.amount`"),
        (b'{"amount":{"value":1}}', "unexpected shape"),
        (b'{"transactionId":17}', "unexpected shape"),
        (b'{"reversal":"false"}', "unexpected shape"),
        (b'{"amount":1,"amount":2}', "one field twice"),
        (b'{"amount":1,\n "am\\u006funt" : 2}', "one field twice"),
        (b'{"account":{"accountId":"1","accountId":"2"}}', "one field twice"),
        (b'{"novelty":[{"a":1,"b":{"c":1,"c":1}}]}', "one field twice"),
        (b'{"narrativeText":{"REMARK":"a \\" \\u0022:","REMARK":"b"}}', "one field twice"),
        (b'{"shortDescription":"A\\u0000B"}', "zero character"),
        (b'{"shortDescription":"A\\\\\\u0000B"}', "zero character"),
        (b'{"shortDescription":"\\ud800"}', "not valid JSON"),
        (b'{"shortDescription":"\xff"}', "not valid JSON"),
    ],
)
def test_a_record_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(wire.WireError, match=reason):
        wire.transaction(raw)


def test_texts_that_look_like_keys_are_no_doubled_keys() -> None:
    text = 'REMARK":"REMARK":\\ \\u0000 "\t'
    raw = json.dumps({"shortDescription": text, "narrativeText": {"REMARK": text, 'RE":': text}}).encode()

    assert wire.transaction(raw).short_description == text


def test_a_reason_never_quotes_the_banks_values() -> None:
    with pytest.raises(wire.WireError) as refused:
        wire.transaction(b'{"account":"000000700100200","transactionId":["SECRET"]}')

    assert "SECRET" not in str(refused.value)
    assert "700100200" not in str(refused.value)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_read_or_refused(body: bytes) -> None:
    for read in (
        wire.transactions_page,
        wire.transaction,
        wire.balances_answer,
        wire.account_balances,
        wire.day_balances,
        wire.token_answer,
    ):
        with suppress(wire.WireError):
            read(body)
    assert isinstance(faults.faults(body), list)
    assert all(isinstance(part, str) for part in wire.glimpse(body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(record())), JSON, st.booleans())
def test_a_record_with_any_value_anywhere_is_read_or_refused(name: str, value: Any, ascii_only: bool) -> None:
    raw = json.dumps(record() | {name: value}, ensure_ascii=ascii_only).encode(errors="replace")

    try:
        wire.transaction(raw)
    except wire.WireError:
        return
    page = b"{" + HEAD + b',"data":[' + raw + b"]}"
    assert bytes(wire.transactions_page(page).data[0]) == raw


@settings(max_examples=300)
@given(st.data())
def test_a_page_with_bytes_changed_is_read_or_refused(data: st.DataObject) -> None:
    body = bytearray(json.dumps(envelope([record(1), record(2)])).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    reasons = []
    try:
        for raw in wire.transactions_page(bytes(body)).data:
            wire.glimpse(raw)
            wire.transaction(raw)
    except wire.WireError as error:
        reasons.append(str(error))
    assert all(reason.endswith(".") for reason in reasons)


@settings(max_examples=300)
@given(st.recursive(
    st.sampled_from(['"x"', "1", '"a\\"b"', '"\\u0041"', "null"]),
    lambda inner: st.lists(st.tuples(st.sampled_from(["k", "l", '\\"', "\\u006b"]), inner), max_size=4).map(
        lambda pairs: "{" + ", ".join(f'"{key}" : {value}' for key, value in pairs) + "}"
    ),
    max_leaves=8,
))  # fmt: skip
def test_doubled_keys_are_found_wherever_they_are(text: str) -> None:
    doubled = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        doubled.append(len({key for key, _ in pairs}) != len(pairs))

    json.loads(text, object_pairs_hook=note)
    try:
        wire.transaction(('{"novelty":' + text + "}").encode())
        refused = False
    except wire.WireError:
        refused = True
    assert refused == any(doubled)


def test_balances_are_read_account_by_account_and_day_by_day() -> None:
    body = balances_body(day("2026-01-05", 48710.55, 51987.1))

    (raw,) = wire.balances_answer(body).account_list
    account = wire.account_balances(raw)

    assert (account.account_id, account.currency, account.faults) == (
        "000000700100200",
        wire.Currency(code="USD"),
        [],
    )
    assert [wire.day_balances(one) for one in account.balance_list or []] == [
        wire.DayBalances(
            as_of_date="2026-01-05",
            record_timestamp="2026-01-05T23:10:00Z",
            current_day=False,
            opening_ledger_amount=Decimal("48710.55"),
            ending_ledger_amount=Decimal("51987.1"),
        )
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"errorCode": "GCA-024", "errorMsg": "No activity."},
        {"errors": [{"errorCode": "GCA-024", "errorMsg": "No activity."}]},
    ],
)
def test_an_accounts_failure_is_found_inline_and_nested(fields: dict[str, Any]) -> None:
    (raw,) = wire.balances_answer(balances_body(balanceList=None, **fields)).account_list

    assert wire.account_balances(raw).faults == [("GCA-024", "No activity.")]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"accountList":null}',
        b'{"accountList":{}}',
        b'{"accountList":[],"accountList":[]}',
        b"\xff",
        b"",
    ],
)
def test_nothing_is_taken_from_a_balances_answer_that_is_not_whole(body: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.balances_answer(body)


def test_a_balance_given_as_text_is_refused() -> None:
    with pytest.raises(wire.WireError, match="a text, not a number"):
        wire.day_balances(b'{"openingLedgerAmount":"1.00"}')


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"errors":[{"errorCode":"9005","errorMsg":"Limit."}]}', [("9005", "Limit.")]),
        (b'{"errors":[{"errorCode":9005}]}', [("9005", "")]),
        (
            b'{"error":"invalid_client","error_description":"MSIS9622: x"}',
            [("invalid_client", "MSIS9622: x")],
        ),
        (
            b'{"title":"Bad","httpStatus":400,"context":[{"code":"10001","message":"Missing."}]}',
            [("10001", "Missing.")],
        ),
        (b'{"title":"Bad","httpStatus":400}', [("", "Bad")]),
        (b"<html>", []),
        (b"[]", []),
        (b"", []),
        (b"[" * 100_000, []),
    ],
)
def test_the_banks_error_codes_are_found_in_each_of_its_shapes(
    body: bytes, found: list[tuple[str, str]]
) -> None:
    assert faults.faults(body) == found


def test_a_glimpse_of_an_unreadable_record_finds_its_id_and_day() -> None:
    assert wire.glimpse(b'{"transactionId":"TXN-1","asOfDate":"2026-01-05","amount":"x"}') == (
        "TXN-1",
        "2026-01-05",
    )
    assert wire.glimpse(msgspec.Raw(b'{"transactionId":7}')) == ("", "")
