"""The real PostgreSQL of the audit tests serves these too."""

from tests.audit.conftest import fresh_server_url, server_url

__all__ = ["fresh_server_url", "server_url"]
