"""Onboarding in the console."""

from onboarding.admin import customers, messages, projects

__all__ = ["customers", "messages", "projects"]
