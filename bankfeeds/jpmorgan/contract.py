"""The bank's answers against its contract: fields it never told us of.

A new field stops nothing: records are read by the names we know, and the page is kept as it came. But what the bank
adds may matter (a fee beside an amount, a second sign), so somebody is told of it once. Only the first record of a
page is looked at: a field that is added comes with all of them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

Shape = Mapping[str, Any]
"""The known names of an object; each with the Shape of what is in it, or None where nothing more is looked at."""


def _names(text: str, **nested: Shape) -> Shape:
    return {**dict.fromkeys(text.split()), **nested}


_CURRENCY = _names("code description currencySequence decimalLocation")
_REFERENCE = _names("standardValue searchValue")
_TRANSACTION = _names(
    "transactionId asOfDate asOfDateTime valueDate valueDateTime receivedTimestamp recordTimestamp lastUpdate loggedAt "
    "productGroup debitCreditCode ddaTxnCode originalTransactionCode fundsTypeCode amount immediateAvailable "
    "day1Available day2Available day2PlusAvailable day3PlusAvailable wireReferenceSearchable repairCode wireType "
    "shortDescription postCode reversal override checkNumber lockbox narrativeText addenda sepaDetailsXml "
    "supplementalTextSet supplementalTextRecordList supplementalText achBatchItems transactionStatus narrativeTypeCode "
    "floatSpreadCode thirdPartyBank sepaType lockboxSequenceCode lockboxItems lockboxNumber lockboxDepositDate "
    "lockboxDepositTime",
    account=_names("accountId accountName bankId branchId bankName aba swift", currency=_CURRENCY),
    baiType=_names(
        "typeCode description btrsTypeCode summaryTypeCode shortDescription groupCode groupDescription "
        "productGroupCode germanTypeCode swiftTypeCode"
    ),
    currency=_CURRENCY,
    bankReferenceSearchable=_REFERENCE,
    customerReferenceSearchable=_REFERENCE,
)
_SHAPES: Mapping[str, Shape] = {
    "transactions": _names(
        "", pagination=_names("pageSize totalPages pageNumber totalRecords"), data=_TRANSACTION
    ),
    "balances": _names(
        "",
        accountList=_names(
            "accountId accountName branchId bankId bankName errorCode errorMsg errors",
            currency=_CURRENCY,
            balanceList=_names(
                "asOfDate recordTimestamp currentDay openingAvailableAmount openingLedgerAmount endingAvailableAmount "
                "endingLedgerAmount"
            ),
        ),
    ),
}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")
_KINDS = {str: "text", int: "number", float: "number", bool: "true or false", dict: "object", list: "list"}

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def new_fields(kind: str, body: bytes) -> list[str]:
    """Return the fields of an answer that its contract does not have, each as path and kind, never with its value.

    ``kind``: "transactions" or "balances". A body that cannot be read has none: whoever reads it says so.
    """
    try:
        return sorted(set(_walk(_SHAPES[kind], body, "")))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []


def _walk(shape: Shape, raw: bytes | msgspec.Raw, path: str) -> Iterator[str]:
    text = memoryview(raw)[:64].tobytes().lstrip()
    if text.startswith(b"["):
        for first in _list.decode(raw)[:1]:
            yield from _walk(shape, first, f"{path}[]")
    elif text.startswith(b"{"):
        for name, value in _object.decode(raw).items():
            place = f"{path}.{name}" if path else name
            if name not in shape:
                yield f"{place if _PLAIN.fullmatch(name) else f'{path}.?'} ({_kind(value)})"
            elif shape[name] is not None:
                yield from _walk(shape[name], value, place)


def _kind(value: msgspec.Raw) -> str:
    return _KINDS.get(type(_anything.decode(value)), "nothing")
