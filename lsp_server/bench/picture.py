"""A report as a picture."""

from lsp_server.bench.report import Report


def picture(report: Report) -> str:
    """The picture."""
    return ""
