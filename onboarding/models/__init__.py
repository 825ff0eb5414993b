"""Customers and their people, projects and their steps, mails, links."""

from onboarding.models.customer import AccountManager, Contact, ContactDetails, Customer, Role
from onboarding.models.document import Document
from onboarding.models.link import PortalCode, PortalLink
from onboarding.models.message import Message
from onboarding.models.project import Project
from onboarding.models.step import Evidence, HandOver, Step

__all__ = [
    "AccountManager",
    "Contact",
    "ContactDetails",
    "Customer",
    "Document",
    "Evidence",
    "HandOver",
    "Message",
    "PortalCode",
    "PortalLink",
    "Project",
    "Role",
    "Step",
]
