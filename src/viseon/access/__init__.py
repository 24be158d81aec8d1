"""Who may do what: workspaces, tokens and the audit log."""

from viseon.access.service import Access, authenticate

__all__ = ["Access", "authenticate"]
