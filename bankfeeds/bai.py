"""The BAI2 type codes of a treasury feed: what each is called, what it belongs to, and which way it moves money.

The names are those of the BAI2 standard (Cash Management Balance Reporting Specifications, version 2), in our
spelling. A code that is not listed has no name; nothing is guessed from its neighbours. Its range still says which way
it moves money, because the standard gives whole ranges to one direction.
"""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["CREDIT", "DEBIT"]
Level = Literal["detail", "summary"]

# 700 and above are loans and codes of one's own, below 100 balances: none of them has a direction.
_DIRECTIONS: tuple[tuple[range, Direction], ...] = ((range(100, 400), "CREDIT"), (range(400, 700), "DEBIT"))

# By group: code and name; a star marks a summary, which no single line should carry.
_TABLE = {
    "Totals": """
        100* Total credits | 101* Total credit amount, month to date | 105* Credits not detailed
        106* Deposits subject to float | 400* Total debits | 401* Total debit amount, month to date
        406* Debits not detailed""",
    "Any": """108 Credit, any type | 409 Debit, any type""",
    "Lockbox": """
        109* Lockbox deposits of the current day | 110* Total lockbox deposits | 115 Lockbox deposit
        116 Item in lockbox deposit | 118 Lockbox adjustment, credit | 415 Lockbox debit | 416* Total lockbox debits""",
    "EDI": """
        120* EDI transaction credits | 121 EDI transaction credit | 122 EDIBANX credit received
        123 EDIBANX credit returned | 420* EDI transaction debits | 421 EDI transaction debit
        422 EDIBANX settlement debit | 423 EDIBANX return item debit""",
    "Concentration": """
        130* Total concentration credits | 131* Total DTC credits | 135 DTC concentration credit
        136 Item in DTC deposit | 485 DTC debit | 590* Total DTC debits""",
    "ACH": """
        140* Total ACH credits | 142 ACH credit received | 143 Item in ACH deposit | 145 ACH concentration credit
        150* Total preauthorised payment credits | 155 Preauthorised draft credit | 156 Item in PAC deposit
        160* Total ACH disbursing funding credits | 162* Corporate trade payment settlement
        163* Corporate trade payment credits | 164 Corporate trade payment credit | 165 Preauthorised ACH credit
        166 ACH settlement | 167* ACH settlement credits | 168 ACH return item or adjustment settlement
        169 Miscellaneous ACH credit | 445 ACH concentration debit | 446* Total ACH disbursement funding debits
        447 ACH disbursement funding debit | 450* Total ACH debits | 451 ACH debit received
        452 Item in ACH disbursement or debit | 455 Preauthorised ACH debit | 462 ACH debit the account holder began
        463* Corporate trade payment debits | 464 Corporate trade payment debit
        465* Corporate trade payment settlement | 466 ACH settlement | 467* ACH settlement debits
        468 ACH return item or adjustment settlement | 469 Miscellaneous ACH debit""",
    "Cards and machines": """
        146* Total bank card deposits | 147 Bank card deposit | 294* Total ATM credits | 295 ATM credit
        594* Total ATM debits | 595 ATM debit""",
    "Instant payments": """158 Real-time payment credit""",
    "Deposits": """
        170* Total other check deposits | 171 Loan deposit | 172 Deposit correction | 173 Bank-prepared deposit
        174 Other deposit | 175 Check deposit package | 176 Re-presented check deposit | 178* List post credits
        182* Total bank-prepared deposits | 184 Draft deposit | 185* Total miscellaneous deposits
        301 Commercial deposit | 302* Correspondent bank deposit | 310* Total commercial deposits
        366 Currency and coin deposited | 666 Currency and coin shipped | 694 Deposit reversal
        695 Deposit correction, debit""",
    "Cash letters": """
        186* Total cash letter credits | 187 Cash letter credit | 188* Total cash letter adjustments
        189 Cash letter adjustment | 486* Total cash letter debits | 487 Cash letter debit
        489 Cash letter adjustment""",
    "Money transfers": """
        190* Total incoming money transfers | 191 Incoming internal money transfer | 195 Incoming money transfer
        196 Money transfer adjustment | 198 Compensation | 490* Total outgoing money transfers
        491 Outgoing internal money transfer | 493 Money transfer begun at the customer's terminal
        495 Outgoing money transfer | 496 Money transfer adjustment | 498 Compensation""",
    "Transfers": """
        200* Total automatic transfer credits | 201 Automatic transfer credit | 202 Bond operations credit
        205* Total book transfer credits | 206 Book transfer credit | 500* Total automatic transfer debits
        501 Automatic transfer debit | 502 Bond operations debit | 505* Total book transfer debits
        506 Book transfer debit""",
    "International": """
        207* Total international money transfer credits | 208 International money transfer credit
        210* Total international credits | 212 Foreign letter of credit | 213 Letter of credit
        214 Foreign exchange credit | 215* Total letters of credit | 216 Foreign remittance credit
        218 Foreign collection credit | 221 Foreign check purchase | 222 Foreign checks deposited | 224 Commission
        226 International money market trading | 227 Standing order | 229 Miscellaneous international credit
        507* Total international money transfer debits | 508 International money transfer debit
        510* Total international debits | 512 Letter of credit, debit | 513 Letter of credit
        514 Foreign exchange debit | 515* Total letters of credit | 516 Foreign remittance debit
        518 Foreign collection debit | 522 Foreign checks paid | 524 Commission
        526 International money market trading | 527 Standing order | 529 Miscellaneous international debit""",
    "Securities": """
        230* Total security credits | 231* Total collection credits | 232 Sale of debt security | 233 Securities sold
        234 Sale of equity security | 237 Collection credit | 238 Collection of dividends
        242 Interest income collected | 246 Commercial paper
        249 Miscellaneous security credit | 530* Total security debits
        531 Securities purchased | 533 Security collection debit | 535 Purchase of equity securities
        537* Total collection debits | 542 Purchase of debt securities | 546 Commercial paper
        549 Miscellaneous security debit""",
    "Returns and reversals": """
        250* Total checks posted and returned | 251* Total debit reversals | 252 Debit reversal
        254 Posting error correction, credit | 255 Check posted and returned | 256* Total ACH return items
        257 ACH return item | 258 ACH reversal, credit | 260* Total rejected credits | 261 Rejected credit
        263 Overdraft | 266 Return item | 268 Return item adjustment | 395 Check reversal
        550* Total deposited items returned | 551* Total credit reversals | 552 Credit reversal
        554 Posting error correction, debit | 555 Deposited item returned | 556* Total ACH return items
        557 ACH return item | 558 ACH reversal, debit | 560* Total rejected debits | 561 Rejected debit | 563 Overdraft
        566 Return item | 568 Return item adjustment""",
    "Zero balance": """
        270* Total ZBA credits | 275 ZBA credit | 276 ZBA float adjustment | 277 ZBA credit transfer
        278 ZBA credit adjustment | 570* Total ZBA debits | 575 ZBA debit | 577 ZBA debit transfer
        578 ZBA debit adjustment""",
    "Controlled disbursing": """
        280* Total controlled disbursing credits | 281 Controlled disbursing credit
        580* Total controlled disbursing debits | 581 Controlled disbursing debit""",
    "Investments and loans": """
        180* Total loan proceeds | 346 Sweep interest income | 347 Sweep principal sold | 350* Investments sold
        351 Investment sold | 354 Interest credit | 355* Investment interest | 359 Interest adjustment, credit
        364 Loan participation | 480* Total loan payments | 481 Loan payment | 650* Investments purchased
        651 Investment purchased | 654 Interest debit | 655* Total investment interest debits
        656 Sweep principal bought | 659 Interest adjustment, debit | 664 Loan participation""",
    "Adjustments and fees": """
        356* Total credit adjustments | 357 Credit adjustment | 397 Float adjustment | 398 Miscellaneous fee refund
        408 Float adjustment | 564 Overdraft fee | 567 Return item fee | 630* Total debit adjustments
        631 Debit adjustment | 661 Account analysis fee | 698 Miscellaneous fees""",
    "Checks": """
        430* Total payable-through drafts | 435 Payable-through draft | 470* Total checks paid
        474 Certified check debit | 475 Check paid | 478* List post debits | 479 List post debit | 484 Draft""",
    "Bank": """477 Bank-originated debit | 482* Total bank-originated debits""",
    "Payroll and settlement": """
        369 Clearing settlement credit | 373 Customer payroll | 669 Clearing settlement debit | 673 Customer payroll""",
    "Miscellaneous": """
        390* Total miscellaneous credits | 399 Miscellaneous credit | 690* Total miscellaneous debits
        699 Miscellaneous debit""",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaiCode:
    """A type code. ``name`` and ``group`` are empty and ``level`` is None where the code is not known.

    ``direction`` is that of the code's range; None outside 100 to 699.
    """

    code: str
    name: str = ""
    group: str = ""
    direction: Direction | None = None
    level: Level | None = None

    @property
    def known(self) -> bool:
        return bool(self.name)

    def __str__(self) -> str:
        return f"{self.code} {self.name}".rstrip()


def _direction(code: str) -> Direction | None:
    if len(code) != 3 or not (code.isascii() and code.isdigit()):
        return None
    return next((direction for codes, direction in _DIRECTIONS if int(code) in codes), None)


def _read(group: str, table: str) -> dict[str, BaiCode]:
    found = {}
    for entry in "|".join(table.strip().splitlines()).split("|"):
        code, _, name = entry.strip().partition(" ")
        level: Level = "summary" if code.endswith("*") else "detail"
        code = code.rstrip("*")
        found[code] = BaiCode(code=code, name=name, group=group, direction=_direction(code), level=level)
    return found


CODES = {code: known for group, table in _TABLE.items() for code, known in _read(group, table).items()}


def describe(code: str) -> BaiCode:
    """Return what the code means; one that is not known has no name."""
    return CODES.get(code) or BaiCode(code=code, direction=_direction(code))
