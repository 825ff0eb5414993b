"""The six steps from request to live feed: who begins, what evidence closes each, and what it needs or invalidates.

Versioned: a project keeps the version it was opened with.
"""

from __future__ import annotations

from dataclasses import dataclass

CUSTOMER, US, BANK = "customer", "us", "bank"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A piece of evidence. ``name`` completes “Missing: …”; ``provider`` is who brings it.

    ``lasting`` evidence survives the reopening of its step; ``waivable`` may be waived by an approver with a reason.
    """

    key: str
    name: str
    provider: str
    lasting: bool = False
    waivable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a customer is asked to do, how long it takes, and who usually does it there."""

    title: str
    duration: str
    who: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTemplate:
    """One step. ``usual``: its shortest and longest usual length; ``our_days``: what we allow ourselves.
    Both in business days.

    ``needs``: numbers of the steps that must be closed before; ``milestone``: the mail its completion sends.
    """

    number: int
    key: str
    title: str
    holder: str
    needs: tuple[int, ...]
    items: tuple[Item, ...]
    usual: tuple[int, int]
    name: str
    task: Task
    milestone: str
    our_days: int = 2

    def item(self, key: str) -> Item | None:
        """Return the item called ``key``, or None."""
        return next((item for item in self.items if item.key == key), None)


JPM_ACCESS, CHASE_CONNECT = "jpm_access", "chase_connect"
PLATFORMS = {JPM_ACCESS: "J.P. Morgan Access", CHASE_CONNECT: "Chase Connect"}

API_PRODUCTS = {"transaction_details": "transaction details", "account_balances": "account balances"}
"""What must be requested at the bank, and how we say it."""

_VERSION_1 = (
    StepTemplate(
        number=1,
        key="requested",
        title="Initial request",
        holder=US,
        needs=(),
        items=(
            Item(
                key="platform",
                name="the customer's answer that they use J.P. Morgan Access",
                provider=CUSTOMER,
            ),
            Item(
                key="bank_rep",
                name="the customer's J.P. Morgan representative on record",
                provider=CUSTOMER,
                lasting=True,
            ),
            Item(
                key="signer",
                name="a person with signing authority on record",
                provider=CUSTOMER,
                lasting=True,
            ),
        ),
        usual=(1, 2),
        name="the initial request",
        task=Task(
            title="Tell us about your J.P. Morgan set-up",
            duration="about 10 minutes",
            who="the person who looks after your bank accounts",
            detail="We need to know which J.P. Morgan platform you use, who your J.P. Morgan representative is, "
            "and who may sign for the accounts.",
        ),
        milestone="initial_request",
    ),
    StepTemplate(
        number=2,
        key="kickoff",
        title="J.P. Morgan meeting",
        holder=CUSTOMER,
        needs=(1,),
        items=(
            Item(key="kickoff", name="the date on which the kickoff meeting was held", provider=CUSTOMER),
            Item(
                key="portal_project",
                name="the project in J.P. Morgan's developer portal",
                provider=US,
                lasting=True,
            ),
        ),
        usual=(1, 3),
        name="the meeting with J.P. Morgan",
        task=Task(
            title="Arrange a kickoff meeting with your J.P. Morgan representative and us",
            duration="about 10 minutes to arrange, 30 minutes to meet",
            who="the person in touch with your J.P. Morgan representative",
        ),
        milestone="kickoff",
    ),
    StepTemplate(
        number=3,
        key="technical_setup",
        title="Technical setup",
        holder=US,
        needs=(2,),
        items=(
            Item(key="csr", name="the certificate signing request submitted to J.P. Morgan", provider=US),
            *(
                Item(key=key, name=f"API access for {words} requested", provider=US, lasting=True)
                for key, words in API_PRODUCTS.items()
            ),
        ),
        usual=(1, 2),
        name="the technical setup",
        task=Task(
            title="Answer our question about the technical setup",
            duration="a few minutes",
            who="your contact with us",
        ),
        milestone="technical_setup",
    ),
    StepTemplate(
        number=4,
        key="security_admins",
        title="Security administrators",
        holder=CUSTOMER,
        needs=(2,),
        items=(
            Item(
                key="customer_admin",
                name="a security administrator at the customer",
                provider=CUSTOMER,
                lasting=True,
            ),
            Item(
                key="customer_stand_in",
                name="a stand-in for the customer's security administrator, or a recorded waiver",
                provider=CUSTOMER,
                lasting=True,
                waivable=True,
            ),
            Item(key="vendor_admin", name="a security administrator on our side", provider=US, lasting=True),
            Item(
                key="vendor_stand_in",
                name="a stand-in for our security administrator, or a recorded waiver",
                provider=US,
                lasting=True,
                waivable=True,
            ),
        ),
        usual=(1, 2),
        name="naming the security administrators",
        task=Task(
            title="Name your security administrators",
            duration="about 15 minutes",
            who="a person with signing authority",
            detail="J.P. Morgan asks for the people who will look after this connection's security. Name one, and a "
            "stand-in. Tell your account manager; please do not send identity documents.",
        ),
        milestone="security_admins",
    ),
    StepTemplate(
        number=5,
        key="bank_approval",
        title="J.P. Morgan approval and setup",
        holder=BANK,
        needs=(3, 4),
        items=(
            Item(key="bank_approval", name="J.P. Morgan's approval on record", provider=BANK),
            Item(
                key="credentials", name="the certificate from J.P. Morgan installed and in use", provider=US
            ),
            Item(key="connection", name="the connection configured and in testing or active", provider=US),
            Item(key="first_data", name="the first data booked for every account", provider=US),
        ),
        usual=(5, 20),
        name="J.P. Morgan's approval",
        task=Task(
            title="Ask your J.P. Morgan representative about the approval",
            duration="a few minutes",
            who="the person in touch with your J.P. Morgan representative",
        ),
        milestone="bank_approval",
    ),
    StepTemplate(
        number=6,
        key="validation",
        title="Validation",
        holder=US,
        needs=(5,),
        items=(
            Item(key="days_proven", name="every bank day proven by the bank's balances", provider=US),
            Item(key="no_findings", name="no finding open", provider=US),
            Item(key="no_duplicates", name="no line booked twice", provider=US),
            Item(
                key="confirmation",
                name="the customer's confirmation that the data is right",
                provider=CUSTOMER,
            ),
        ),
        usual=(2, 3),
        name="the validation",
        task=Task(
            title="Compare the imported data with your own records and confirm it",
            duration="about 20 minutes",
            who="the person who reconciles your bank accounts",
        ),
        milestone="live",
    ),
)

TEMPLATES = {1: _VERSION_1}
NEWEST = 1
LIVE = "live"
SIDE_BY_SIDE = ((1,), (2,), (3, 4), (5,), (6,))
"""The steps in order; those of one group run at the same time."""

CONFIRMATION = "confirmation"


def steps(version: int = NEWEST) -> tuple[StepTemplate, ...]:
    """Return the six steps of a template version."""
    return TEMPLATES[version]


def step(number: int, version: int = NEWEST) -> StepTemplate:
    """Return one step of a template version."""
    return TEMPLATES[version][number - 1]


def depend_on(number: int, version: int = NEWEST) -> frozenset[int]:
    """Return the steps that directly or indirectly need step ``number``: what its reopening invalidates."""
    found: set[int] = {number}
    for template in steps(version):
        if found.intersection(template.needs):
            found.add(template.number)
    return frozenset(found - {number})


CHASE_CONNECT_REASON = (
    "This connection works with J.P. Morgan Access only; you told us that you use Chase Connect."
)
CHASE_CONNECT_ASK = (
    "Ask your J.P. Morgan representative whether your accounts can be moved to, or added to, J.P. Morgan Access.",
    "If they can, ask by when, and tell your account manager: we then go on from here.",
)
